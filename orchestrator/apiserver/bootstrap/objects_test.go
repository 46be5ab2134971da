package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/component-helpers/auth/rbac/validation"

	apiserverrbac "github.com/petcd/petcd/orchestrator/apiserver/rbac"
)

func TestObjectsFitTogether(t *testing.T) {
	seen, roles := sets.New[string](), sets.New[string]()
	for _, obj := range Objects() {
		id := describe(obj)
		require.False(t, seen.Has(id), "twice: %s", id)
		seen.Insert(id)
		var rules []rbacv1.PolicyRule
		switch o := obj.(type) {
		case *rbacv1.ClusterRole:
			roles.Insert("ClusterRole " + o.Name)
			rules = o.Rules
		case *rbacv1.Role:
			roles.Insert("Role " + o.Namespace + "/" + o.Name)
			rules = o.Rules
		case *rbacv1.ClusterRoleBinding:
			require.True(t, roles.Has("ClusterRole "+o.RoleRef.Name), "%s: no role %s", id, o.RoleRef.Name)
		case *rbacv1.RoleBinding:
			require.True(t, roles.Has("Role "+o.Namespace+"/"+o.RoleRef.Name), "%s: no role %s", id, o.RoleRef.Name)
		}
		for _, r := range rules {
			require.NotEmpty(t, r.Verbs, id)
			require.True(t, len(r.NonResourceURLs) > 0 || len(r.Resources) > 0 && len(r.APIGroups) > 0, "%s: an empty rule", id)
		}
	}
}

func TestNothingIsSharedBetweenCalls(t *testing.T) {
	first := ClusterRoles()
	for _, r := range first {
		r.Labels["changed"] = "yes"
		for i := range r.Rules {
			clear(r.Rules[i].Verbs)
			clear(r.Rules[i].NonResourceURLs)
		}
	}
	for _, r := range ClusterRoles() {
		require.NotContains(t, r.Labels, "changed")
		for _, rule := range r.Rules {
			require.NotContains(t, rule.Verbs, "")
			require.NotContains(t, rule.NonResourceURLs, "")
		}
	}
}

// aggregate returns all rules of a role as the aggregation controller would leave them.
func aggregate(t *testing.T, all map[string]*rbacv1.ClusterRole, name string) []rbacv1.PolicyRule {
	role := all[name]
	require.NotNil(t, role, name)
	rules := role.Rules
	if role.AggregationRule != nil {
		for _, s := range role.AggregationRule.ClusterRoleSelectors {
			selector, err := metav1.LabelSelectorAsSelector(&s)
			require.NoError(t, err)
			for other, r := range all {
				if other != name && selector.Matches(labels.Set(r.Labels)) {
					rules = append(rules, aggregate(t, all, other)...)
				}
			}
		}
	}
	return rules
}

func TestWhatUsersMayDo(t *testing.T) {
	all := map[string]*rbacv1.ClusterRole{}
	for _, r := range ClusterRoles() {
		all[r.Name] = r
	}
	view, edit, admin := aggregate(t, all, "view"), aggregate(t, all, "edit"), aggregate(t, all, "admin")
	covered, missing := validation.Covers(edit, view)
	require.True(t, covered, "edit lacks %v", missing)
	covered, missing = validation.Covers(admin, edit)
	require.True(t, covered, "admin lacks %v", missing)
	covered, missing = validation.Covers(all["cluster-admin"].Rules, admin)
	require.True(t, covered, "cluster-admin lacks %v", missing)

	tests := []struct {
		verb, group, resource, sub string
		view, edit, admin          bool
	}{
		{"get", "", "pods", "", true, true, true},
		{"get", "", "pods", "log", true, true, true},
		{"create", "", "pods", "exec", false, true, true},
		{"create", "", "pods", "eviction", false, true, true},
		{"get", "", "secrets", "", false, true, true},
		{"create", "apps", "deployments", "", false, true, true},
		{"update", "apps", "deployments", "scale", false, true, true},
		{"update", "", "endpoints", "", false, false, false},
		{"create", rbac, "rolebindings", "", false, false, true},
		{"get", rbac, "roles", "", false, false, true},
		{"create", rbac, "clusterrolebindings", "", false, false, false},
		{"update", "", "resourcequotas", "", false, false, false},
		{"get", "", "resourcequotas", "", true, true, true},
		{"delete", "", "namespaces", "", false, false, false},
		{"get", "", "nodes", "", false, false, false},
	}
	for _, tt := range tests {
		a := authorizer.AttributesRecord{Verb: tt.verb, APIGroup: tt.group, Resource: tt.resource, Subresource: tt.sub, ResourceRequest: true, Namespace: "ns"}
		require.Equal(t, tt.view, apiserverrbac.Allow(view, a), "view %+v", tt)
		require.Equal(t, tt.edit, apiserverrbac.Allow(edit, a), "edit %+v", tt)
		require.Equal(t, tt.admin, apiserverrbac.Allow(admin, a), "admin %+v", tt)
	}
}

func TestWhatComponentsMayDo(t *testing.T) {
	i := informers.NewSharedInformerFactory(nil, 0).Rbac().V1()
	for _, obj := range Objects() {
		switch obj.(type) {
		case *rbacv1.ClusterRole:
			require.NoError(t, i.ClusterRoles().Informer().GetIndexer().Add(obj))
		case *rbacv1.ClusterRoleBinding:
			require.NoError(t, i.ClusterRoleBindings().Informer().GetIndexer().Add(obj))
		case *rbacv1.Role:
			require.NoError(t, i.Roles().Informer().GetIndexer().Add(obj))
		case *rbacv1.RoleBinding:
			require.NoError(t, i.RoleBindings().Informer().GetIndexer().Add(obj))
		}
	}
	a := apiserverrbac.NewResolver(i).Authorizer()
	tests := []struct {
		user      user.DefaultInfo
		verb      string
		what      authorizer.AttributesRecord
		isAllowed bool
	}{
		{user.DefaultInfo{Name: "x", Groups: []string{"system:unauthenticated"}}, "get", authorizer.AttributesRecord{Path: "/healthz"}, true},
		{user.DefaultInfo{Name: "x", Groups: []string{"system:unauthenticated"}}, "get", authorizer.AttributesRecord{Path: "/apis"}, false},
		{user.DefaultInfo{Name: "x", Groups: []string{"system:authenticated"}}, "get", authorizer.AttributesRecord{Path: "/apis/apps/v1"}, true},
		{user.DefaultInfo{Name: "x", Groups: []string{"system:authenticated"}}, "get", authorizer.AttributesRecord{Path: "/metrics"}, false},
		{user.DefaultInfo{Name: "x", Groups: []string{"system:authenticated"}}, "create",
			authorizer.AttributesRecord{APIGroup: authentication, Resource: "selfsubjectreviews"}, true},
		{user.DefaultInfo{Name: "x", Groups: []string{"system:masters"}}, "delete", authorizer.AttributesRecord{Resource: "nodes"}, true},
		{user.DefaultInfo{Name: "system:kube-scheduler"}, "create", authorizer.AttributesRecord{Resource: "pods", Subresource: "binding", Namespace: "ns"}, true},
		{user.DefaultInfo{Name: "system:kube-scheduler"}, "update", authorizer.AttributesRecord{Resource: "persistentvolumeclaims", Namespace: "ns"}, true},
		{user.DefaultInfo{Name: "system:kube-scheduler"}, "get", authorizer.AttributesRecord{Resource: "secrets", Namespace: "ns"}, false},
		{user.DefaultInfo{Name: "system:kube-scheduler"}, "get",
			authorizer.AttributesRecord{Resource: "configmaps", Namespace: "kube-system", Name: "extension-apiserver-authentication"}, true},
		{user.DefaultInfo{Name: "system:kube-proxy"}, "watch", authorizer.AttributesRecord{APIGroup: discovery, Resource: "endpointslices"}, true},
		{user.DefaultInfo{Name: "system:kube-controller-manager"}, "list", authorizer.AttributesRecord{APIGroup: "apps", Resource: "deployments"}, true},
		{user.DefaultInfo{Name: "system:kube-controller-manager"}, "create",
			authorizer.AttributesRecord{Resource: "serviceaccounts", Subresource: "token", Namespace: "kube-system", Name: "job-controller"}, true},
		{user.DefaultInfo{Name: "system:kube-controller-manager"}, "patch", authorizer.AttributesRecord{APIGroup: "apps", Resource: "deployments", Namespace: "ns"}, true},
		{user.DefaultInfo{Name: "system:kube-controller-manager"}, "escalate", authorizer.AttributesRecord{APIGroup: rbac, Resource: "clusterroles"}, true},
		{user.DefaultInfo{Name: "system:kube-controller-manager"}, "create", authorizer.AttributesRecord{APIGroup: rbac, Resource: "clusterroles"}, false},
		{user.DefaultInfo{Name: "system:serviceaccount:kube-system:job-controller"}, "create", authorizer.AttributesRecord{Resource: "pods", Namespace: "ns"}, true},
		{user.DefaultInfo{Name: "system:serviceaccount:kube-system:job-controller"}, "create", authorizer.AttributesRecord{Resource: "secrets", Namespace: "ns"}, false},
		{user.DefaultInfo{Name: "system:serviceaccount:ns:job-controller"}, "create", authorizer.AttributesRecord{Resource: "pods", Namespace: "ns"}, false},
		{user.DefaultInfo{Name: "system:node:n", Groups: []string{"system:nodes"}}, "get", authorizer.AttributesRecord{Resource: "secrets", Namespace: "ns", Name: "s"}, false},
	}
	for _, tt := range tests {
		tt.what.User, tt.what.Verb, tt.what.ResourceRequest = &tt.user, tt.verb, tt.what.Path == ""
		decision, _, err := a.Authorize(t.Context(), tt.what)
		require.NoError(t, err)
		require.Equal(t, tt.isAllowed, decision == authorizer.DecisionAllow, "%s %+v", tt.user.Name, tt.what)
	}
}
