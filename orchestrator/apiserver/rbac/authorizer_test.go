package rbac

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func TestTheReasonNamesTheBinding(t *testing.T) {
	r := resolverOf(t,
		clusterRole("reader", rule(list("get"), list(""), list("pods"))), role("ns", "writer", rule(list("update"), list(""), list("pods"))),
		clusterBinding("readers", "reader", toUser("alice")),
		binding("ns", "writers", roleRef("Role", "writer"), toAccount("", "robot"), toGroup("ops")),
		clusterBinding("dangling", "none", toUser("bob")), binding("ns", "odd", roleRef("Thing", "x"), toUser("eve")),
	)
	tests := []struct {
		user     user.Info
		verb     string
		decision authorizer.Decision
		reason   string
	}{
		{person("alice"), "get", authorizer.DecisionAllow, `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to User "alice"`},
		{person("x", "ops"), "update", authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "writers/ns" of Role "writer" to Group "ops"`},
		{person("system:serviceaccount:ns:robot"), "update", authorizer.DecisionAllow,
			`RBAC: allowed by RoleBinding "writers/ns" of Role "writer" to ServiceAccount "robot/ns"`},
		{person("alice"), "update", authorizer.DecisionNoOpinion, ""},
		{person("bob"), "get", authorizer.DecisionNoOpinion, `RBAC: clusterrole.rbac.authorization.k8s.io "none" not found`},
		{person("eve"), "get", authorizer.DecisionNoOpinion, `RBAC: unsupported role reference kind: "Thing"`},
	}
	for _, tt := range tests {
		decision, reason, err := r.Authorizer().Authorize(t.Context(),
			authorizer.AttributesRecord{User: tt.user, Verb: tt.verb, ResourceRequest: true, Resource: "pods", Namespace: "ns", Name: "p"})
		require.NoError(t, err)
		require.Equal(t, tt.decision, decision, tt.user.GetName())
		require.Equal(t, tt.reason, reason)
	}
	decision, _, err := r.Authorizer().Authorize(t.Context(), authorizer.AttributesRecord{Verb: "get"})
	require.Error(t, err, "without a user")
	require.Equal(t, authorizer.DecisionNoOpinion, decision)
}

func TestRulesForAUser(t *testing.T) {
	r := resolverOf(t,
		clusterRole("c", rule(list("get"), list(""), list("pods"), "p"), urls(list("get"), "/healthz")), role("ns", "r", rule(list("*"), list("*"), list("*"))),
		clusterBinding("c", "c", toUser("alice")), binding("ns", "r", roleRef("Role", "r"), toUser("alice")), binding("ns", "gone", roleRef("Role", "gone"), toUser("alice")),
	)
	resources, others, incomplete, err := r.RulesFor(t.Context(), person("alice"), "ns")
	require.ErrorContains(t, err, `"gone" not found`)
	require.False(t, incomplete)
	require.Equal(t, []authorizer.ResourceRuleInfo{
		&authorizer.DefaultResourceRuleInfo{Verbs: list("get"), APIGroups: list(""), Resources: list("pods"), ResourceNames: list("p")},
		&authorizer.DefaultResourceRuleInfo{Verbs: list("*"), APIGroups: list("*"), Resources: list("*")},
	}, resources)
	require.Equal(t, []authorizer.NonResourceRuleInfo{&authorizer.DefaultNonResourceRuleInfo{Verbs: list("get"), NonResourceURLs: list("/healthz")}}, others)
	resources, _, _, err = r.RulesFor(t.Context(), person("alice"), "")
	require.NoError(t, err)
	require.Len(t, resources, 1, "without a namespace only the cluster's")
}
