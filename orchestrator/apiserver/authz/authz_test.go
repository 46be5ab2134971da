package authz

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
)

// cluster: alice may get pods, and node a has a pod with the secret s.
func cluster(t *testing.T) informers.SharedInformerFactory {
	shared := informers.NewSharedInformerFactory(nil, 0)
	add := func(err error) { require.NoError(t, err) }
	add(shared.Rbac().V1().ClusterRoles().Informer().GetIndexer().Add(&rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "r"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}},
	}))
	add(shared.Rbac().V1().ClusterRoleBindings().Informer().GetIndexer().Add(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "b"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "alice"}},
	}))
	return shared
}

func TestModes(t *testing.T) {
	alice, root := &user.DefaultInfo{Name: "alice"}, &user.DefaultInfo{Name: "root", Groups: []string{"system:masters"}}
	kubelet := &user.DefaultInfo{Name: "system:node:a", Groups: []string{"system:nodes"}}
	const (
		allow = authorizer.DecisionAllow
		none  = authorizer.DecisionNoOpinion
	)
	tests := []struct {
		name       string
		modes      []string
		user       user.Info
		resource   string
		want       authorizer.Decision
		wantReason string
	}{
		{"a rule", []string{Node, RBAC}, alice, "pods", allow, `RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "alice"`},
		{"no rule", []string{Node, RBAC}, alice, "secrets", none, ""},
		{"a node", []string{Node, RBAC}, kubelet, "secrets", allow, ""},
		{"a node, but no mode for it", []string{RBAC}, kubelet, "secrets", none, ""},
		{"masters", []string{RBAC}, root, "secrets", allow, ""},
		{"masters, whatever the mode", []string{AlwaysDeny}, root, "secrets", allow, ""},
		{"all", []string{AlwaysAllow}, alice, "secrets", allow, ""},
		{"none", []string{AlwaysDeny}, alice, "pods", none, "alwaysdeny: Everything is forbidden."},
		{"the first that allows", []string{AlwaysDeny, RBAC}, alice, "pods", allow, `RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "alice"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shared := cluster(t)
			a, _, err := New(tt.modes, shared)
			require.NoError(t, err)
			require.NoError(t, shared.Core().V1().Pods().Informer().GetIndexer().Add(&v1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"},
				Spec:       v1.PodSpec{NodeName: "a", ImagePullSecrets: []v1.LocalObjectReference{{Name: "x"}}},
			}))
			decision, reason, err := a.Authorize(t.Context(),
				authorizer.AttributesRecord{User: tt.user, Verb: "get", Resource: tt.resource, Namespace: "ns", Name: "x", ResourceRequest: true})
			require.NoError(t, err)
			require.Equal(t, tt.want, decision, reason)
			require.Equal(t, tt.wantReason, reason)
		})
	}
}

func TestWhyANodeIsRefused(t *testing.T) {
	a, _, err := New([]string{Node, RBAC}, cluster(t))
	require.NoError(t, err)
	_, reason, err := a.Authorize(t.Context(), authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: "system:node:a", Groups: []string{"system:nodes"}},
		Verb: "get", Resource: "secrets", Namespace: "x", Name: "s", ResourceRequest: true,
	})
	require.NoError(t, err)
	require.Equal(t, "node: no relationship found between node 'a' and this object", reason)
}

func TestModesThatAreRefused(t *testing.T) {
	for want, modes := range map[string][]string{
		"at least one authorization-mode must be passed":                       nil,
		`authorization-mode "Webhook" is not supported: use Node and RBAC`:     {RBAC, "Webhook"},
		`authorization-mode "ABAC" is not supported: use Node and RBAC`:        {"ABAC"},
		`authorization-mode "rbac" is not a valid mode`:                        {"rbac"},
		`authorization-mode ["RBAC" "RBAC"] has mode specified more than once`: {RBAC, RBAC},
	} {
		_, _, err := New(modes, cluster(t))
		require.EqualError(t, err, want)
	}
}

func TestRulesOfAllModes(t *testing.T) {
	_, resolver, err := New([]string{Node, RBAC}, cluster(t))
	require.NoError(t, err)
	rules, _, incomplete, err := resolver.RulesFor(t.Context(), &user.DefaultInfo{Name: "alice"}, "ns")
	require.NoError(t, err)
	require.False(t, incomplete)
	require.Len(t, rules, 1)
	_, _, incomplete, err = resolver.RulesFor(t.Context(), &user.DefaultInfo{Name: "system:node:a", Groups: []string{"system:nodes"}}, "ns")
	require.Error(t, err)
	require.True(t, incomplete)
}
