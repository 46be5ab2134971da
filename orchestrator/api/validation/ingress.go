package validation

import (
	"net/netip"
	slashpath "path"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validIngress checks which requests go to which service.
func validIngress(i *networkingv1.Ingress) errs {
	s := &i.Spec
	all := when(len(s.Rules) == 0 && s.DefaultBackend == nil,
		field.Invalid(specPath, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	if s.DefaultBackend != nil {
		all = append(all, ingressBackend(specPath.Child("defaultBackend"), s.DefaultBackend)...)
	}
	if s.IngressClassName != nil {
		all = append(all, invalid(specPath.Child("ingressClassName"), *s.IngressClassName, subdomain(*s.IngressClassName))...)
	}
	return slices.Concat(all,
		each(specPath.Child("rules"), s.Rules, ingressRule),
		each(specPath.Child("tls"), s.TLS, func(at path, t *networkingv1.IngressTLS) errs {
			return each(at.Child("hosts"), t.Hosts, func(at path, h *string) errs { return host(at, *h) })
		}),
	)
}

// host asks for a name, which may begin with a star for all names of a domain.
func host(at path, s string) errs {
	if strings.Contains(s, "*") {
		return invalid(at, s, validation.IsWildcardDNS1123Subdomain(s))
	}
	return invalid(at, s, subdomain(s))
}

// ingressRule checks the paths of a host; without one it is for all hosts.
func ingressRule(at path, r *networkingv1.IngressRule) errs {
	var all errs
	if r.Host != "" {
		_, err := netip.ParseAddr(r.Host)
		all = append(when(err == nil, field.Invalid(at.Child("host"), r.Host, "must be a DNS name, not an IP address")),
			host(at.Child("host"), r.Host)...)
	}
	if r.HTTP == nil {
		return all
	}
	at = at.Child("http", "paths")
	if len(r.HTTP.Paths) == 0 {
		return append(all, field.Required(at, ""))
	}
	return append(all, each(at, r.HTTP.Paths, ingressPath)...)
}

// ingressPath checks which requests are meant, and where they go.
func ingressPath(at path, p *networkingv1.HTTPIngressPath) errs {
	if p.PathType == nil {
		return errs{field.Required(at.Child("pathType"), "pathType must be specified")}
	}
	return slices.Concat(
		oneOfPtr(at.Child("pathType"), p.PathType,
			networkingv1.PathTypeExact, networkingv1.PathTypePrefix, networkingv1.PathTypeImplementationSpecific),
		urlPath(at.Child("path"), p.Path, *p.PathType),
		ingressBackend(at.Child("backend"), &p.Backend),
	)
}

// urlPath asks for a path that all proxies read alike. One that knows what it does says so by its type.
func urlPath(at path, p string, t networkingv1.PathType) errs {
	if t == networkingv1.PathTypeImplementationSpecific {
		return when(p != "" && !slashpath.IsAbs(p), field.Invalid(at, p, "must be an absolute path"))
	}
	all := when(!slashpath.IsAbs(p), field.Invalid(at, p, "must be an absolute path"))
	for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		all = append(all, when(strings.Contains(p, bad), field.Invalid(at, p, "must not contain '"+bad+"'"))...)
	}
	for _, bad := range []string{"/..", "/."} {
		all = append(all, when(strings.HasSuffix(p, bad), field.Invalid(at, p, "cannot end with '"+bad+"'"))...)
	}
	return all
}

// ingressBackend asks for a service and one of its ports, or for some other object.
func ingressBackend(at path, b *networkingv1.IngressBackend) errs {
	switch {
	case b.Resource != nil && b.Service != nil:
		return errs{field.Invalid(at, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return ingressResource(at.Child("resource"), b.Resource)
	case b.Service == nil:
		return errs{field.Invalid(at, "", "resource or service backend is required")}
	}
	service := at.Child("service")
	all := needValid(service.Child("name"), b.Service.Name, validation.IsDNS1035Label)
	switch p := b.Service.Port; {
	case p.Name != "" && p.Number != 0:
		return append(all, field.Invalid(at, "", "cannot set both port name & port number"))
	case p.Name != "":
		return append(all, invalid(service.Child("port", "name"), p.Name, validation.IsValidPortName(p.Name))...)
	case p.Number != 0:
		return append(all, port(service.Child("port", "number"), p.Number)...)
	}
	return append(all, field.Required(at, "port name or number is required"))
}

// ingressResource asks for the kind and the name of what only the controller can resolve.
func ingressResource(at path, r *v1.TypedLocalObjectReference) errs {
	return slices.Concat(need(at.Child("kind"), r.Kind), need(at.Child("name"), r.Name))
}

// validIngressClass asks for the name of the controller that serves a class.
func validIngressClass(c *networkingv1.IngressClass) errs {
	at := specPath.Child("controller")
	if c.Spec.Controller == "" {
		return need(at, "")
	}
	const most = 250
	return append(when(len(c.Spec.Controller) > most, field.TooLong(at, c.Spec.Controller, most)),
		validation.IsDomainPrefixedPath(at, c.Spec.Controller)...)
}

// updateIngressClass keeps the controller: another one would find foreign state.
func updateIngressClass(c, old *networkingv1.IngressClass) errs {
	return unchanged(specPath.Child("controller"), c.Spec.Controller, old.Spec.Controller)
}
