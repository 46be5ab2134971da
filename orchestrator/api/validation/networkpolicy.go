package validation

import (
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validNetworkPolicy checks which pods are meant, and what may reach them or be reached by them.
func validNetworkPolicy(p *networkingv1.NetworkPolicy) errs {
	s := &p.Spec
	types := specPath.Child("policyTypes")
	all := slices.Concat(
		selector(specPath.Child("podSelector"), &s.PodSelector),
		each(specPath.Child("ingress"), s.Ingress, func(at path, r *networkingv1.NetworkPolicyIngressRule) errs {
			return append(each(at.Child("ports"), r.Ports, policyPort), each(at.Child("from"), r.From, policyPeer)...)
		}),
		each(specPath.Child("egress"), s.Egress, func(at path, r *networkingv1.NetworkPolicyEgressRule) errs {
			return append(each(at.Child("ports"), r.Ports, policyPort), each(at.Child("to"), r.To, policyPeer)...)
		}),
	)
	if len(s.PolicyTypes) > 2 {
		return append(all, field.Invalid(types, s.PolicyTypes, "may not specify more than two policyTypes"))
	}
	return append(all, each(types, s.PolicyTypes, func(at path, t *networkingv1.PolicyType) errs {
		return oneOf(at, *t, networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	})...)
}

// policyPort checks a port or a range of ports. Names have no ranges.
func policyPort(at path, p *networkingv1.NetworkPolicyPort) errs {
	all := oneOfPtr(at.Child("protocol"), p.Protocol, v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP)
	end := at.Child("endPort")
	if p.Port == nil {
		return append(all, when(p.EndPort != nil,
			field.Invalid(end, p.EndPort, "may not be specified when `port` is not specified"))...)
	}
	all = append(all, portOrName(at.Child("port"), *p.Port)...)
	if p.EndPort == nil {
		return all
	}
	if p.Port.Type == intstr.String {
		return append(all, field.Invalid(end, *p.EndPort, "may not be specified when `port` is non-numeric"))
	}
	return slices.Concat(all, port(end, *p.EndPort),
		when(*p.EndPort < p.Port.IntVal, field.Invalid(end, *p.EndPort, "must be greater than or equal to `port`")))
}

// policyPeer asks for pods, by labels, or for addresses.
func policyPeer(at path, p *networkingv1.NetworkPolicyPeer) errs {
	all := append(selector(at.Child("podSelector"), p.PodSelector), selector(at.Child("namespaceSelector"), p.NamespaceSelector)...)
	b := p.IPBlock
	switch {
	case b == nil:
		return append(all, when(p.PodSelector == nil && p.NamespaceSelector == nil, field.Required(at, "must specify a peer"))...)
	case p.PodSelector != nil || p.NamespaceSelector != nil:
		return append(all, field.Forbidden(at, "may not specify both ipBlock and another peer"))
	}
	return append(all, ipBlock(at.Child("ipBlock"), b)...)
}

// ipBlock asks for a range, and for exceptions that lie within.
func ipBlock(at path, b *networkingv1.IPBlock) errs {
	if b.CIDR == "" {
		return need(at.Child("cidr"), "")
	}
	all := cidr(at.Child("cidr"), b.CIDR)
	whole, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return all
	}
	return append(all, each(at.Child("except"), b.Except, func(at path, s *string) errs {
		if bad := cidr(at, *s); len(bad) > 0 {
			return bad
		}
		part, err := netip.ParsePrefix(*s)
		return when(err != nil || !whole.Contains(part.Addr()) || part.Bits() <= whole.Bits(),
			field.Invalid(at, *s, "must be a strict subset of `cidr`"))
	})...)
}
