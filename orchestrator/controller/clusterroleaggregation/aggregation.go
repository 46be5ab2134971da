package clusterroleaggregation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/rbac/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

const name = "clusterrole-aggregation-controller"

// aggregation is the controller. A key is the name of a role that aggregates.
type aggregation struct {
	client kubernetes.Interface
	roles  listers.ClusterRoleLister
	loop   *controller.Loop
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	roles := env.Informers.Rbac().V1().ClusterRoles()
	a := &aggregation{client: env.Client, roles: roles.Lister()}
	a.loop = controller.NewLoop(name, 5, a.sync, roles.Informer().HasSynced)
	controller.Any(a.changed).Watch(roles.Informer())
	return a.loop
}

// changed queues all that aggregate: which selects the changed role now, or did before, is not worth finding out.
func (a *aggregation) changed(*rbacv1.ClusterRole) {
	all, err := a.roles.List(labels.Everything())
	if err != nil {
		runtime.HandleError(fmt.Errorf("%s: %w", name, err))
		return
	}
	for _, role := range all {
		if role.AggregationRule != nil {
			a.loop.Add(role.Name)
		}
	}
}

func (a *aggregation) sync(ctx context.Context, key string) error {
	role, err := a.roles.Get(key)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if role.AggregationRule == nil {
		return nil
	}
	rules, err := a.rulesOf(role)
	if err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(rules, role.Rules) {
		return nil
	}
	role = role.DeepCopy()
	role.Rules = rules
	if _, err := a.client.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("aggregate cluster role %s: %w", key, err)
	}
	return nil
}

// rulesOf joins the rules of all that a role selects, each once, in an order that stays the same while they do.
func (a *aggregation) rulesOf(role *rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return nil, fmt.Errorf("cluster role %s: %w", role.Name, err)
		}
		selected, err := a.roles.List(selector)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(selected, func(x, y *rbacv1.ClusterRole) int { return strings.Compare(x.Name, y.Name) })
		for _, other := range selected {
			if other.Name == role.Name {
				continue
			}
			for _, rule := range other.Rules {
				if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(r, rule) }) {
					rules = append(rules, rule)
				}
			}
		}
	}
	return rules, nil
}
