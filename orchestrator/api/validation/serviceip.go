package validation

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// serviceIPs checks a service's own addresses: one of each family at most, the first of which is the one that older clients see.
func serviceIPs(at path, s *v1.ServiceSpec) errs {
	if s.Type == v1.ServiceTypeExternalName {
		return nil
	}
	return slices.Concat(
		primaryIP(at, s),
		each(at.Child("clusterIPs"), s.ClusterIPs, func(at path, a *string) errs {
			if *a == v1.ClusterIPNone {
				return nil
			}
			return ip(at, *a)
		}),
		clusterIPCount(at.Child("clusterIPs"), s.ClusterIPs),
		each(at.Child("ipFamilies"), s.IPFamilies, func(at path, f *v1.IPFamily) errs {
			return oneOf(at, *f, v1.IPv4Protocol, v1.IPv6Protocol)
		}),
		when(len(s.IPFamilies) == 2 && s.IPFamilies[0] == s.IPFamilies[1],
			field.Duplicate(at.Child("ipFamilies").Index(1), familyAt(s.IPFamilies, 1))),
		when(len(s.IPFamilies) > 2, field.Invalid(at.Child("ipFamilies"), s.IPFamilies, "may only hold up to 2 values")),
		oneOfPtr(at.Child("ipFamilyPolicy"), s.IPFamilyPolicy,
			v1.IPFamilyPolicySingleStack, v1.IPFamilyPolicyPreferDualStack, v1.IPFamilyPolicyRequireDualStack),
		familiesMatch(at.Child("clusterIPs"), s),
	)
}

// familyAt returns the family at a place, if there is one.
func familyAt(l []v1.IPFamily, i int) v1.IPFamily {
	if i < len(l) {
		return l[i]
	}
	return ""
}

// primaryIP asks that the one address that older clients know is the first of all.
func primaryIP(at path, s *v1.ServiceSpec) errs {
	ips := at.Child("clusterIPs")
	switch {
	case s.ClusterIP == "" && len(s.ClusterIPs) > 0:
		return errs{field.Forbidden(ips, "must be empty when `clusterIP` is not specified")}
	case s.ClusterIP != "" && len(s.ClusterIPs) == 0:
		return errs{field.Required(ips, "")}
	case s.ClusterIP != "" && s.ClusterIPs[0] != s.ClusterIP:
		return errs{field.Invalid(ips, s.ClusterIPs, "first value must match `clusterIP`")}
	}
	return nil
}

// clusterIPCount asks for none, one, or one of each family.
func clusterIPCount(at path, ips []string) errs {
	if slices.Contains(ips, v1.ClusterIPNone) {
		return when(len(ips) > 1, field.Invalid(at, ips, "'None' must be the first and only value"))
	}
	if len(ips) > 2 {
		return errs{field.Invalid(at, ips, "may only hold up to 2 values")}
	}
	if len(ips) == 2 {
		dual, err := netutils.IsDualStackIPStrings(ips)
		return when(err == nil && !dual, field.Invalid(at, ips, "may specify no more than one IP for each IP family"))
	}
	return nil
}

// familiesMatch compares each address with the family that is named at its place.
func familiesMatch(at path, s *v1.ServiceSpec) errs {
	var all errs
	for i, a := range s.ClusterIPs {
		if a == v1.ClusterIPNone || i >= len(s.IPFamilies) {
			continue
		}
		want := s.IPFamilies[i]
		wrong := netutils.IsIPv6String(a) && want == v1.IPv4Protocol || netutils.IsIPv4String(a) && want == v1.IPv6Protocol
		all = append(all, when(wrong, field.Invalid(at.Index(i), a,
			fmt.Sprintf("expected an %s value as indicated by `ipFamilies[%d]`", want, i)))...)
	}
	return all
}

// updateService keeps the addresses that clients have learned. Only what becomes an alias, or was one, may lose or gain them.
func updateService(svc, old *v1.Service) errs {
	now, was := &svc.Spec, &old.Spec
	if now.Type == v1.ServiceTypeExternalName || was.Type == v1.ServiceTypeExternalName {
		return nil
	}
	return slices.Concat(
		primaryKept(specPath.Child("clusterIPs").Index(0), now.ClusterIPs, was.ClusterIPs),
		when(len(now.IPFamilies) > 0 && len(was.IPFamilies) > 0 && familyAt(now.IPFamilies, 0) != familyAt(was.IPFamilies, 0),
			field.Invalid(specPath.Child("ipFamilies").Index(0), now.IPFamilies, "may not change once set")),
		loadBalancerClassKept(now, was),
	)
}

// primaryKept asks that the first address stays. A second one may come and go with its family.
func primaryKept(at path, now, was []string) errs {
	switch {
	case len(was) == 0:
		return nil
	case len(now) == 0:
		return errs{field.Invalid(at, now, "primary clusterIP can not be unset")}
	}
	return when(now[0] != was[0], field.Invalid(at, now, "may not change once set"))
}

// loadBalancerClassKept keeps a load balancer with the implementation that made it.
func loadBalancerClassKept(now, was *v1.ServiceSpec) errs {
	if now.Type != v1.ServiceTypeLoadBalancer || was.Type != v1.ServiceTypeLoadBalancer {
		return nil
	}
	same := now.LoadBalancerClass == was.LoadBalancerClass ||
		now.LoadBalancerClass != nil && was.LoadBalancerClass != nil && *now.LoadBalancerClass == *was.LoadBalancerClass
	return when(!same, field.Invalid(specPath.Child("loadBalancerClass"), now.LoadBalancerClass, "may not change once set"))
}

// updateServiceStatus checks where a load balancer can be reached, of those that have one.
func updateServiceStatus(svc, _ *v1.Service) errs {
	at := field.NewPath("status", "loadBalancer", "ingress")
	if svc.Spec.Type != v1.ServiceTypeLoadBalancer {
		return when(len(svc.Status.LoadBalancer.Ingress) > 0,
			field.Forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'"))
	}
	return each(at, svc.Status.LoadBalancer.Ingress, func(at path, i *v1.LoadBalancerIngress) errs {
		if i.IP != "" {
			return ip(at.Child("ip"), i.IP)
		}
		return mayValid(at.Child("hostname"), i.Hostname, subdomain)
	})
}
