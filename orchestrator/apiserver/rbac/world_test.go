package rbac

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
)

// resolverOf returns a resolver whose caches hold the objects.
func resolverOf(t *testing.T, objects ...runtime.Object) *Resolver {
	i := informers.NewSharedInformerFactory(nil, 0).Rbac().V1()
	for _, o := range objects {
		var err error
		switch o.(type) {
		case *rbacv1.Role:
			err = i.Roles().Informer().GetIndexer().Add(o)
		case *rbacv1.RoleBinding:
			err = i.RoleBindings().Informer().GetIndexer().Add(o)
		case *rbacv1.ClusterRole:
			err = i.ClusterRoles().Informer().GetIndexer().Add(o)
		case *rbacv1.ClusterRoleBinding:
			err = i.ClusterRoleBindings().Informer().GetIndexer().Add(o)
		default:
			t.Fatalf("no cache for %T", o)
		}
		require.NoError(t, err)
	}
	return NewResolver(i)
}

func rule(verbs, groups, resources []string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: verbs, APIGroups: groups, Resources: resources, ResourceNames: names}
}

func urls(verbs []string, urls ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: verbs, NonResourceURLs: urls}
}

func role(namespace, name string, rules ...rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func roleRef(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}

func binding(namespace, name string, ref rbacv1.RoleRef, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, RoleRef: ref, Subjects: subjects}
}

func clusterBinding(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: roleRef("ClusterRole", role), Subjects: subjects}
}

func toUser(name string) rbacv1.Subject  { return rbacv1.Subject{Kind: "User", Name: name} }
func toGroup(name string) rbacv1.Subject { return rbacv1.Subject{Kind: "Group", Name: name} }
func toAccount(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

func person(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: groups}
}

func list(s ...string) []string { return s }
