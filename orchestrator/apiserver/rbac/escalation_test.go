package rbac

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// escalationWorld: alice reads pods in ns; root has everything; eve may escalate and bind; ben may bind one role.
func escalationWorld(t *testing.T) *Escalation {
	r := resolverOf(t,
		clusterRole("admin", rule(list("*"), list("*"), list("*")), urls(list("*"), "*")), clusterBinding("admin", "admin", toUser("root")),
		clusterRole("view", rule(list("get", "list"), list(""), list("pods"))),
		binding("ns", "alice", roleRef("ClusterRole", "view"), toUser("alice")),
		clusterRole("over", rule(list("escalate", "bind"), list(rbacv1.GroupName), list("roles", "clusterroles"))), clusterBinding("over", "over", toUser("eve")),
		clusterRole("ben", rule(list("bind"), list(rbacv1.GroupName), list("clusterroles"), "admin")), clusterBinding("ben", "ben", toUser("ben")),
		clusterBinding("dangling", "none", toUser("lost")),
	)
	return &Escalation{Authorizer: r.Authorizer(), Resolver: r}
}

func TestNobodyGrantsWhatHeHasNot(t *testing.T) {
	pods := rule(list("get"), list(""), list("pods"))
	secrets := rule(list("get", "delete"), list(""), list("secrets"), "s")
	aggregated := func(r *rbacv1.ClusterRole) *rbacv1.ClusterRole {
		r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"a": "b"}}}}
		return r
	}
	labeled := func(r *rbacv1.Role) *rbacv1.Role { r.Labels = map[string]string{"x": "y"}; return r }
	finalized := func(r *rbacv1.Role) *rbacv1.Role { r.Finalizers = []string{"f"}; return r }
	const missing = "is attempting to grant RBAC permissions not currently held:\n"
	tests := []struct {
		name     string
		user     user.Info
		obj, old runtime.Object
		want     string
	}{
		{"a role of what one has", person("alice"), role("ns", "r", pods), nil, ""},
		{"in another namespace", person("alice"), role("other", "r", pods), nil, missing},
		{"for the whole cluster", person("alice"), clusterRole("r", pods), nil, missing},
		{"more verbs", person("alice", "dev"), role("ns", "r", pods, secrets, urls(list("get"), "/x")), nil,
			`roles.rbac.authorization.k8s.io "r" is forbidden: user "alice" (groups=["dev"]) ` + missing +
				`{APIGroups:[""], Resources:["secrets"], ResourceNames:["s"], Verbs:["get" "delete"]}` + "\n" +
				`{NonResourceURLs:["/x"], Verbs:["get"]}`},
		{"a star", person("alice"), role("ns", "r", rule(list("*"), list(""), list("pods"))), nil, `Verbs:["*"]`},
		{"an update of labels of a role that holds more", person("alice"), labeled(role("ns", "r", secrets)), role("ns", "r", secrets), missing},
		{"an update of finalizers of a role that holds more", person("alice"), finalized(role("ns", "r", secrets)), role("ns", "r", secrets), ""},
		{"all", person("root"), clusterRole("r", secrets, urls(list("*"), "*")), nil, ""},
		{"escalate", person("eve"), clusterRole("r", secrets), nil, ""},
		{"escalate an aggregation", person("eve"), aggregated(clusterRole("r")), nil, ""},
		{"masters", person("m", "system:masters"), clusterRole("r", secrets), nil, ""},
		{"an aggregation by one who has all", person("root"), aggregated(clusterRole("r")), nil, ""},
		{"an aggregation by others", person("alice"), aggregated(clusterRole("r")), nil, "must have cluster-admin privileges to use the aggregationRule: "},
		{"an aggregation removed by others", person("alice"), clusterRole("r"), aggregated(clusterRole("r")), "must have cluster-admin privileges"},

		{"bind what one has", person("alice"), binding("ns", "b", roleRef("ClusterRole", "view"), toUser("bob")), nil, ""},
		{"bind it elsewhere", person("alice"), binding("other", "b", roleRef("ClusterRole", "view"), toUser("bob")), nil,
			`rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "alice" (groups=[]) ` + missing + `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`},
		{"bind it to the cluster", person("alice"), clusterBinding("b", "view", toUser("bob")), nil, `clusterrolebindings.rbac.authorization.k8s.io "b" is forbidden`},
		{"bind", person("eve"), clusterBinding("b", "admin", toUser("bob")), nil, ""},
		{"bind the one role one may", person("ben"), clusterBinding("b", "admin", toUser("bob")), nil, ""},
		{"bind another role", person("ben"), clusterBinding("b", "view", toUser("bob")), nil, missing},
		{"bind none", person("alice"), clusterBinding("b", "none", toUser("bob")), nil, `clusterrole.rbac.authorization.k8s.io "none" not found`},
		{"bindings that could not be resolved are named", person("lost"), clusterRole("r", pods), nil, `; resolution errors: [clusterrole.rbac`},
		{"no matter of ours", person("alice"), &metav1.Status{}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := escalationWorld(t).Check(request.WithUser(t.Context(), tt.user), tt.obj, tt.old)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			require.True(t, apierrors.IsForbidden(err) || apierrors.IsNotFound(err), "%T", err)
		})
	}
	require.Error(t, escalationWorld(t).Check(t.Context(), role("ns", "r"), nil), "without a user")
}

func TestEscalationAsAdmission(t *testing.T) {
	e := escalationWorld(t)
	require.True(t, e.Handles(admission.Create))
	require.True(t, e.Handles(admission.Update))
	require.False(t, e.Handles(admission.Delete))
	attributes := func(group string) admission.Attributes {
		obj := clusterRole("r", rule(list("get"), list(""), list("secrets")))
		gvr := rbacv1.SchemeGroupVersion.WithResource("clusterroles")
		gvr.Group = group
		return admission.NewAttributesRecord(obj, nil, rbacv1.SchemeGroupVersion.WithKind("ClusterRole"), "", "r", gvr, "", admission.Create, nil, false, person("alice"))
	}
	require.True(t, apierrors.IsForbidden(e.Validate(t.Context(), attributes(rbacv1.GroupName), nil)))
	require.NoError(t, e.Validate(t.Context(), attributes("other"), nil))
}
