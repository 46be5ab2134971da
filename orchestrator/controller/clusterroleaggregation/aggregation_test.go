package clusterroleaggregation

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/petcd/petcd/orchestrator/controller"
)

// role has a rule for each resource. Its labels are for selectors that ask for them to be "true".
func role(name string, labels []string, resources ...string) *rbacv1.ClusterRole {
	r := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, l := range labels {
		r.Labels[l] = "true"
	}
	for _, resource := range resources {
		r.Rules = append(r.Rules, rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{resource}})
	}
	return r
}

func aggregating(r *rbacv1.ClusterRole, labels ...string) *rbacv1.ClusterRole {
	r.AggregationRule = &rbacv1.AggregationRule{}
	for _, l := range labels {
		r.AggregationRule.ClusterRoleSelectors = append(r.AggregationRule.ClusterRoleSelectors, metav1.LabelSelector{MatchLabels: map[string]string{l: "true"}})
	}
	return r
}

func start(t *testing.T, client *fake.Clientset) {
	env := &controller.Env{Client: client, Informers: informers.NewSharedInformerFactory(client, 0)}
	r := New(env)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	env.Informers.Start(ctx.Done())
	env.Informers.WaitForCacheSync(ctx.Done())
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); env.Informers.Shutdown() })
}

// eventually waits until a role has rules for these resources, in this order.
func eventually(t *testing.T, client *fake.Clientset, name string, resources ...string) {
	t.Helper()
	var got []string
	require.Eventually(t, func() bool {
		r, err := client.RbacV1().ClusterRoles().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		got = nil
		for _, rule := range r.Rules {
			got = append(got, rule.Resources...)
		}
		return slices.Equal(got, resources)
	}, 10*time.Second, 5*time.Millisecond, "%s should have %v", name, resources)
}

func TestRulesComeAndGo(t *testing.T) {
	client := fake.NewClientset(
		aggregating(role("admin", nil, "left over by hand"), "to-admin", "to-other"),
		aggregating(role("edit", []string{"to-admin"}), "to-edit"),
		role("z-pods", []string{"to-edit"}, "pods"), role("a-jobs", []string{"to-edit"}, "jobs", "pods"),
		role("nodes", []string{"to-other"}, "nodes"), role("plain", nil, "secrets"),
	)
	start(t, client)
	roles := client.RbacV1().ClusterRoles()
	eventually(t, client, "edit", "jobs", "pods")
	eventually(t, client, "admin", "jobs", "pods", "nodes")
	eventually(t, client, "plain", "secrets")

	_, err := roles.Create(t.Context(), role("b-new", []string{"to-edit"}, "services"), metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, client, "admin", "jobs", "pods", "services", "nodes")
	_, err = roles.Update(t.Context(), role("a-jobs", nil, "jobs"), metav1.UpdateOptions{})
	require.NoError(t, err)
	eventually(t, client, "admin", "services", "pods", "nodes")
	require.NoError(t, roles.Delete(t.Context(), "z-pods", metav1.DeleteOptions{}))
	eventually(t, client, "admin", "services", "nodes")
}

func TestARoleDoesNotAggregateItself(t *testing.T) {
	client := fake.NewClientset(aggregating(role("self", []string{"x"}, "secrets"), "x"), role("other", []string{"x"}, "pods"))
	start(t, client)
	eventually(t, client, "self", "pods")
}
