package validation

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// rulesPath is where both kinds of roles have their rules.
var rulesPath = field.NewPath("rules")

// validRole checks what is allowed within a namespace.
func validRole(r *rbacv1.Role) errs {
	return each(rulesPath, r.Rules, func(at path, r *rbacv1.PolicyRule) errs { return policyRule(at, r, true) })
}

// validClusterRole checks what is allowed everywhere, and which other roles it is gathered from.
func validClusterRole(r *rbacv1.ClusterRole) errs {
	all := each(rulesPath, r.Rules, func(at path, r *rbacv1.PolicyRule) errs { return policyRule(at, r, false) })
	if r.AggregationRule == nil {
		return all
	}
	at := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(r.AggregationRule.ClusterRoleSelectors) == 0 {
		return append(all, field.Required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	for i := range r.AggregationRule.ClusterRoleSelectors {
		all = append(all, selector(at.Index(i), &r.AggregationRule.ClusterRoleSelectors[i])...)
	}
	return all
}

// policyRule asks for verbs, and for either resources or URLs. No namespace holds URLs.
func policyRule(at path, r *rbacv1.PolicyRule, inNamespace bool) errs {
	all := when(len(r.Verbs) == 0, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
	urls := at.Child("nonResourceURLs")
	if len(r.NonResourceURLs) > 0 {
		return slices.Concat(all,
			when(inNamespace, field.Invalid(urls, r.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs")),
			when(len(r.APIGroups)+len(r.Resources)+len(r.ResourceNames) > 0,
				field.Invalid(urls, r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs")),
		)
	}
	return slices.Concat(all,
		when(len(r.APIGroups) == 0, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group")),
		when(len(r.Resources) == 0, field.Required(at.Child("resources"), "resource rules must supply at least one resource")),
	)
}

// validRoleBinding checks who may do what in a namespace; the role may be the cluster's.
func validRoleBinding(b *rbacv1.RoleBinding) errs {
	return append(roleRef(b.RoleRef, "Role", "ClusterRole"), subjects(b.Subjects)...)
}

// validClusterRoleBinding checks who may do what everywhere.
func validClusterRoleBinding(b *rbacv1.ClusterRoleBinding) errs {
	return append(roleRef(b.RoleRef, "ClusterRole"), subjects(b.Subjects)...)
}

// updateRoleBinding keeps the role.
func updateRoleBinding(b, old *rbacv1.RoleBinding) errs { return roleKept(b.RoleRef, old.RoleRef) }

// updateClusterRoleBinding keeps the role.
func updateClusterRoleBinding(b, old *rbacv1.ClusterRoleBinding) errs {
	return roleKept(b.RoleRef, old.RoleRef)
}

// roleKept keeps a binding's role: who may change the subjects may not thereby give away more.
func roleKept(now, was rbacv1.RoleRef) errs {
	return when(now != was, field.Invalid(field.NewPath("roleRef"), now, "cannot change roleRef"))
}

// roleRef asks for a role, of one of the given kinds. It need not exist yet.
func roleRef(r rbacv1.RoleRef, kinds ...string) errs {
	at := field.NewPath("roleRef")
	return slices.Concat(
		when(r.APIGroup != rbacv1.GroupName, field.NotSupported(at.Child("apiGroup"), r.APIGroup, []string{rbacv1.GroupName})),
		when(!slices.Contains(kinds, r.Kind), field.NotSupported(at.Child("kind"), r.Kind, kinds)),
		needValid(at.Child("name"), r.Name, content.IsPathSegmentName),
	)
}

// subjects checks who is meant. Only accounts live in a namespace; their group is the core's, which has no name.
func subjects(all []rbacv1.Subject) errs {
	return each(field.NewPath("subjects"), all, func(at path, s *rbacv1.Subject) errs {
		named := need(at.Child("name"), s.Name)
		group := func(want string) errs {
			return when(s.APIGroup != want, field.NotSupported(at.Child("apiGroup"), s.APIGroup, []string{want}))
		}
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			return slices.Concat(named, mayValid(at.Child("name"), s.Name, subdomain), group(""),
				need(at.Child("namespace"), s.Namespace))
		case rbacv1.UserKind, rbacv1.GroupKind:
			return append(named, group(rbacv1.GroupName)...)
		}
		return append(named, field.NotSupported(at.Child("kind"), s.Kind,
			[]string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	})
}
