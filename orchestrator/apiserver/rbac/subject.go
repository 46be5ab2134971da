package rbac

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// subjectOf returns which of the subjects of a binding a user is. An account without a namespace is in that of its binding.
func subjectOf(u user.Info, subjects []rbacv1.Subject, bindingNamespace string) (*rbacv1.Subject, bool) {
	for i := range subjects {
		if is(u, &subjects[i], bindingNamespace) {
			return &subjects[i], true
		}
	}
	return nil, false
}

func is(u user.Info, s *rbacv1.Subject, bindingNamespace string) bool {
	switch s.Kind {
	case rbacv1.UserKind:
		return u.GetName() == s.Name
	case rbacv1.GroupKind:
		return slices.Contains(u.GetGroups(), s.Name)
	case rbacv1.ServiceAccountKind:
		namespace := accountNamespace(s, bindingNamespace)
		return namespace != "" && serviceaccount.MatchesUsername(namespace, s.Name, u.GetName())
	default:
		return false
	}
}

func accountNamespace(s *rbacv1.Subject, bindingNamespace string) string {
	if s.Namespace != "" {
		return s.Namespace
	}
	return bindingNamespace
}

// describeSubject writes a subject for the reason of a decision.
func describeSubject(s *rbacv1.Subject, bindingNamespace string) string {
	if s.Kind == rbacv1.ServiceAccountKind {
		return fmt.Sprintf("%s %q", s.Kind, s.Name+"/"+accountNamespace(s, bindingNamespace))
	}
	return fmt.Sprintf("%s %q", s.Kind, s.Name)
}
