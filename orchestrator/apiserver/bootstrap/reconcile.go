package bootstrap

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
)

// Reconcile gives a cluster all Objects that it lacks, and missing rules and subjects to those it has. It goes on after an error;
// calling it again does what is left.
func Reconcile(ctx context.Context, client kubernetes.Interface) error {
	var errs []error
	for _, obj := range Objects() {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { return reconcile(ctx, client, obj) })
		if err != nil {
			errs = append(errs, fmt.Errorf("bootstrap %s: %w", describe(obj), err))
		}
	}
	return utilerrors.NewAggregate(errs)
}

func reconcile(ctx context.Context, client kubernetes.Interface, obj runtime.Object) error {
	rbac := client.RbacV1()
	switch o := obj.(type) {
	case *v1.Namespace:
		_, err := client.CoreV1().Namespaces().Get(ctx, o.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = client.CoreV1().Namespaces().Create(ctx, o, metav1.CreateOptions{})
		}
		return ignoreExisting(err)
	case *schedulingv1.PriorityClass:
		classes := client.SchedulingV1().PriorityClasses()
		_, err := classes.Get(ctx, o.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = classes.Create(ctx, o, metav1.CreateOptions{})
		}
		return ignoreExisting(err)
	case *rbacv1.ClusterRole:
		return reconcileRole(reconciliation.ClusterRoleRuleOwner{ClusterRole: o}, reconciliation.ClusterRoleModifier{Client: rbac.ClusterRoles()})
	case *rbacv1.Role:
		return reconcileRole(reconciliation.RoleRuleOwner{Role: o},
			reconciliation.RoleModifier{Client: rbac, NamespaceClient: client.CoreV1().Namespaces()})
	case *rbacv1.ClusterRoleBinding:
		return reconcileBinding(reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: o},
			reconciliation.ClusterRoleBindingClientAdapter{Client: rbac.ClusterRoleBindings()})
	case *rbacv1.RoleBinding:
		return reconcileBinding(reconciliation.RoleBindingAdapter{RoleBinding: o},
			reconciliation.RoleBindingClientAdapter{Client: rbac, NamespaceClient: client.CoreV1().Namespaces()})
	default:
		return fmt.Errorf("no bootstrap object: %T", obj)
	}
}

// ignoreExisting: another apiserver may start at the same time.
func ignoreExisting(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func reconcileRole(role reconciliation.RuleOwner, client reconciliation.RuleOwnerModifier) error {
	_, err := (&reconciliation.ReconcileRoleOptions{Role: role, Client: client, Confirm: true}).Run()
	return err
}

func reconcileBinding(binding reconciliation.RoleBinding, client reconciliation.RoleBindingModifier) error {
	_, err := (&reconciliation.ReconcileRoleBindingOptions{RoleBinding: binding, Client: client, Confirm: true}).Run()
	return err
}

// describe names an object in an error.
func describe(obj runtime.Object) string {
	name := ""
	if o, ok := obj.(metav1.Object); ok {
		name = o.GetName()
		if o.GetNamespace() != "" {
			name = o.GetNamespace() + "/" + name
		}
	}
	return fmt.Sprintf("%T %s", obj, name)
}
