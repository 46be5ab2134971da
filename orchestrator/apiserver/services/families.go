package services

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// chooseFamilies sets ipFamilyPolicy and ipFamilies by what the Service asks for and by what the cluster has; was is nil for a new
// one. Afterwards there is a family for each address that the Service has or is to have, and an allocator for each family; only
// headless Services without a selector, whose endpoints somebody else makes, may name a family that the cluster hasn't.
func (s *Services) chooseFamilies(svc, was *corev1.Service) error {
	if !hasAddress(svc) {
		return nil
	}
	if was != nil && !hasAddress(was) {
		was = nil // as good as new
	}
	if was != nil && stays(svc, was) {
		return nil
	}
	spec := &svc.Spec
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicySingleStack
		if headless(svc) && len(spec.Selector) == 0 {
			policy = corev1.IPFamilyPolicyRequireDualStack
		}
		spec.IPFamilyPolicy = &policy
	}
	errs := wellFormed(svc)
	if len(errs) == 0 && was != nil {
		errs = reduce(svc, was)
	}
	if len(errs) == 0 {
		errs = append(singleMeansOne(svc), s.inferFamilies(svc)...)
	}
	if len(errs) > 0 {
		return invalid(svc, errs...)
	}
	anyFamily := headless(svc) && len(spec.Selector) == 0
	if !anyFamily {
		if errs := s.configured(svc); len(errs) > 0 {
			return invalid(svc, errs...)
		}
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{s.family}
	}
	if *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 && (anyFamily || len(s.ips) == 2) {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
	return nil
}

// stays tells that an update leaves a Service that prefers two families with what it has: it gains or loses none just because the
// cluster has.
func stays(svc, was *corev1.Service) bool {
	prefers := func(p *corev1.IPFamilyPolicy) bool { return p != nil && *p == corev1.IPFamilyPolicyPreferDualStack }
	if !prefers(svc.Spec.IPFamilyPolicy) || !prefers(was.Spec.IPFamilyPolicy) || !slices.Equal(svc.Spec.ClusterIPs, was.Spec.ClusterIPs) {
		return false
	}
	if len(svc.Spec.IPFamilies) == 0 {
		svc.Spec.IPFamilies = slices.Clone(was.Spec.IPFamilies)
	}
	return slices.Equal(svc.Spec.IPFamilies, was.Spec.IPFamilies)
}

// wellFormed refuses what could be given no meaning here. All else is validation's.
func wellFormed(svc *corev1.Service) (errs field.ErrorList) {
	spec, path := &svc.Spec, specPath("clusterIPs")
	ips := spec.ClusterIPs
	switch {
	case spec.ClusterIP == "" && len(ips) > 0:
		return field.ErrorList{field.Forbidden(path, "must be empty when `clusterIP` is not specified")}
	case len(ips) > 0 && ips[0] != spec.ClusterIP:
		return field.ErrorList{field.Invalid(path, ips, "first value must match `clusterIP`")}
	case slices.Contains(ips, corev1.ClusterIPNone) && len(ips) > 1:
		return field.ErrorList{field.Invalid(path, ips, "'None' must be the first and only value")}
	case len(ips) > 2:
		return field.ErrorList{field.Invalid(path, ips, "may only hold up to 2 values")}
	case len(spec.IPFamilies) > 2:
		return field.ErrorList{field.Invalid(specPath("ipFamilies"), spec.IPFamilies, "may only hold up to 2 values")}
	}
	for i, ip := range ips {
		if ip == corev1.ClusterIPNone {
			continue
		}
		family := familyOf(ip)
		if family == "" {
			errs = append(errs, field.Invalid(path.Index(i), ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		} else if i < len(spec.IPFamilies) && spec.IPFamilies[i] != family {
			errs = append(errs, field.Invalid(path.Index(i), ip,
				fmt.Sprintf("expected an %s value as indicated by `ipFamilies[%d]`", spec.IPFamilies[i], i)))
		}
	}
	if len(errs) == 0 && len(ips) == 2 && familyOf(ips[0]) == familyOf(ips[1]) {
		errs = append(errs, field.Invalid(path, ips, "may specify no more than one IP for each IP family"))
	}
	for i, family := range spec.IPFamilies {
		if at := specPath("ipFamilies").Index(i); other(family) == "" {
			errs = append(errs, field.NotSupported(at, family, []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}))
		} else if slices.Contains(spec.IPFamilies[:i], family) {
			errs = append(errs, field.Duplicate(at, family))
		}
	}
	return errs
}

// reduce takes the second family from a Service that says it wants a single one; without saying so it can't be given up.
func reduce(svc, was *corev1.Service) (errs field.ErrorList) {
	is, old := &svc.Spec, &was.Spec
	if *is.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack {
		if slices.Equal(is.ClusterIPs, old.ClusterIPs) && len(is.ClusterIPs) > 1 {
			is.ClusterIPs = is.ClusterIPs[:1]
		}
		if slices.Equal(is.IPFamilies, old.IPFamilies) && len(is.IPFamilies) > 1 {
			is.IPFamilies = is.IPFamilies[:1]
		}
		return nil
	}
	path := specPath("ipFamilyPolicy")
	if len(old.ClusterIPs) == 2 && len(is.ClusterIPs) == 1 && is.ClusterIPs[0] == old.ClusterIPs[0] {
		errs = append(errs, field.Invalid(path, *is.IPFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"))
	}
	if len(old.IPFamilies) == 2 && len(is.IPFamilies) == 1 && is.IPFamilies[0] == old.IPFamilies[0] {
		errs = append(errs, field.Invalid(path, *is.IPFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"))
	}
	return errs
}

// singleMeansOne refuses two of anything under a policy of one.
func singleMeansOne(svc *corev1.Service) (errs field.ErrorList) {
	spec, path := &svc.Spec, specPath("ipFamilyPolicy")
	if *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack {
		return nil
	}
	if len(spec.ClusterIPs) == 2 {
		errs = append(errs, field.Invalid(path, *spec.IPFamilyPolicy,
			"must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"))
	}
	if len(spec.IPFamilies) == 2 {
		errs = append(errs, field.Invalid(path, *spec.IPFamilyPolicy,
			"must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"))
	}
	return errs
}

// inferFamilies adds the families of addresses that were asked for.
func (s *Services) inferFamilies(svc *corev1.Service) (errs field.ErrorList) {
	spec := &svc.Spec
	for i, ip := range spec.ClusterIPs {
		if ip == corev1.ClusterIPNone || i < len(spec.IPFamilies) {
			continue
		}
		family := familyOf(ip)
		if s.ips[family] == nil {
			errs = append(errs, field.Invalid(specPath("clusterIPs").Index(i), spec.ClusterIPs,
				fmt.Sprintf("%s is not configured on this cluster", family)))
			continue
		}
		spec.IPFamilies = append(spec.IPFamilies, family)
	}
	return errs
}

// configured refuses what the cluster hasn't.
func (s *Services) configured(svc *corev1.Service) (errs field.ErrorList) {
	spec := &svc.Spec
	if *spec.IPFamilyPolicy == corev1.IPFamilyPolicyRequireDualStack && len(s.ips) < 2 {
		errs = append(errs, field.Invalid(specPath("ipFamilyPolicy"), *spec.IPFamilyPolicy,
			"this cluster is not configured for dual-stack services"))
	}
	for i, family := range spec.IPFamilies {
		if s.ips[family] == nil {
			errs = append(errs, field.Invalid(specPath("ipFamilies").Index(i), family, "not configured on this cluster"))
		}
	}
	return errs
}

// familyOf returns the family of an address; nothing if it is none.
func familyOf(ip string) corev1.IPFamily {
	switch {
	case netutils.IsIPv4String(ip):
		return corev1.IPv4Protocol
	case netutils.IsIPv6String(ip):
		return corev1.IPv6Protocol
	}
	return ""
}

// other is the other family; nothing if this is none.
func other(family corev1.IPFamily) corev1.IPFamily {
	switch family {
	case corev1.IPv4Protocol:
		return corev1.IPv6Protocol
	case corev1.IPv6Protocol:
		return corev1.IPv4Protocol
	}
	return ""
}
