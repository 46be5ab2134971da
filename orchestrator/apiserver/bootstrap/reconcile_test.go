package bootstrap

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// writes counts the requests that change something.
func writes(client *fake.Clientset) (n int) {
	for _, a := range client.Actions() {
		if a.GetVerb() != "get" {
			n++
		}
	}
	return n
}

func TestReconcileCreatesEverythingOnce(t *testing.T) {
	client := fake.NewClientset()
	require.NoError(t, Reconcile(t.Context(), client))
	namespaces, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, namespaces.Items, 4)
	created := 0
	for _, a := range client.Actions() {
		if a.GetVerb() == "create" {
			created++
		}
	}
	require.Len(t, Objects(), created)
	client.ClearActions()
	require.NoError(t, Reconcile(t.Context(), client))
	require.Zero(t, writes(client), "a second time nothing is left to do")
}

func TestReconcilePutsBackWhatIsMissing(t *testing.T) {
	client := fake.NewClientset()
	ctx, roles, bindings := t.Context(), client.RbacV1().ClusterRoles(), client.RbacV1().ClusterRoleBindings()
	require.NoError(t, Reconcile(ctx, client))

	own := may("get", "example.com", "things")
	change := func(name string, f func(*rbacv1.ClusterRole)) {
		role, err := roles.Get(ctx, name, metav1.GetOptions{})
		require.NoError(t, err)
		f(role)
		_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	change("system:basic-user", func(r *rbacv1.ClusterRole) { r.Rules = []rbacv1.PolicyRule{own} })
	change("system:discovery", func(r *rbacv1.ClusterRole) {
		r.Rules, r.Annotations[rbacv1.AutoUpdateAnnotationKey] = nil, "false"
	})
	binding, err := bindings.Get(ctx, "system:kube-scheduler", metav1.GetOptions{})
	require.NoError(t, err)
	binding.Subjects = []rbacv1.Subject{aUser("mine")}
	_, err = bindings.Update(ctx, binding, metav1.UpdateOptions{})
	require.NoError(t, err)

	require.NoError(t, Reconcile(ctx, client))

	role, err := roles.Get(ctx, "system:basic-user", metav1.GetOptions{})
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "selfsubjectreviews") }))
	require.Contains(t, role.Rules, own, "what others added stays")
	role, err = roles.Get(ctx, "system:discovery", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, role.Rules, "left alone as annotated")
	binding, err = bindings.Get(ctx, "system:kube-scheduler", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, []rbacv1.Subject{aUser("mine"), aUser("system:kube-scheduler")}, binding.Subjects)
}

func TestReconcileGoesOnAfterAnError(t *testing.T) {
	client := fake.NewClientset()
	conflicts := 0
	client.PrependReactor("create", "clusterroles", func(a clienttesting.Action) (bool, runtime.Object, error) {
		create, ok := a.(clienttesting.CreateAction)
		if !ok {
			return false, nil, nil
		}
		switch create.GetObject().(*rbacv1.ClusterRole).Name {
		case "view":
			return true, nil, errors.New("no")
		case "edit":
			if conflicts++; conflicts == 1 {
				return true, nil, apierrors.NewConflict(rbacv1.Resource("clusterroles"), "edit", errors.New("again"))
			}
		}
		return false, nil, nil
	})
	err := Reconcile(t.Context(), client)
	require.EqualError(t, err, "bootstrap *v1.ClusterRole view: no")
	_, err = client.RbacV1().RoleBindings("kube-system").Get(t.Context(), "system::"+authReader, metav1.GetOptions{})
	require.NoError(t, err, "the last object is there")
	_, err = client.RbacV1().ClusterRoles().Get(t.Context(), "edit", metav1.GetOptions{})
	require.NoError(t, err, "a conflict is tried again")
}
