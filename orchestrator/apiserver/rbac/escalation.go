package rbac

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// Escalation keeps users from writing roles and bindings that grant what they have not. Two verbs lift that: who may "escalate" a
// role may write anything into it, and who may "bind" a role may bind it. It implements admission.ValidationInterface.
type Escalation struct {
	Authorizer authorizer.Authorizer
	Resolver   *Resolver
}

// Handles implements admission.Interface.
func (e *Escalation) Handles(op admission.Operation) bool {
	return op == admission.Create || op == admission.Update
}

// Validate implements admission.ValidationInterface.
func (e *Escalation) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().Group != rbacv1.GroupName || a.GetSubresource() != "" {
		return nil
	}
	return e.Check(request.WithUser(ctx, a.GetUserInfo()), a.GetObject(), a.GetOldObject())
}

// Check tells whether the user of ctx may create obj, or make it of old. Objects that are no roles or bindings it lets pass.
func (e *Escalation) Check(ctx context.Context, obj, old runtime.Object) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewInternalError(errors.New("no user on context"))
	}
	if slices.Contains(u.GetGroups(), user.SystemPrivilegedGroup) || onlyForDeletion(obj, old) {
		return nil
	}
	switch o := obj.(type) {
	case *rbacv1.Role:
		return e.role(ctx, u, "roles", o.Namespace, o.Name, o.Rules)
	case *rbacv1.ClusterRole:
		if err := e.role(ctx, u, "clusterroles", "", o.Name, o.Rules); err != nil {
			return err
		}
		was, _ := old.(*rbacv1.ClusterRole)
		return e.aggregation(ctx, u, o, was)
	case *rbacv1.RoleBinding:
		return e.binding(ctx, u, "rolebindings", o.Namespace, o.Name, o.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return e.binding(ctx, u, "clusterrolebindings", "", o.Name, o.RoleRef)
	}
	return nil
}

// onlyForDeletion tells that an update changes owners and finalizers only: the garbage collector must be able to do its work
// without having all that there is.
func onlyForDeletion(obj, old runtime.Object) bool {
	if obj == nil || old == nil {
		return false
	}
	now := obj.DeepCopyObject()
	to, err := meta.Accessor(now)
	if err != nil {
		return false
	}
	from, err := meta.Accessor(old)
	if err != nil {
		return false
	}
	to.SetOwnerReferences(from.GetOwnerReferences())
	to.SetFinalizers(from.GetFinalizers())
	to.SetManagedFields(from.GetManagedFields())
	to.SetSelfLink(from.GetSelfLink())
	return equality.Semantic.DeepEqual(now, old)
}

func (e *Escalation) role(ctx context.Context, u user.Info, resource, namespace, name string, rules []rbacv1.PolicyRule) error {
	if e.mayEscalate(ctx, u, resource, namespace) {
		return nil
	}
	if err := e.covered(u, namespace, rules); err != nil {
		return apierrors.NewForbidden(rbacv1.Resource(resource), name, err)
	}
	return nil
}

// aggregation: a role that takes in others by their labels can get anything later.
func (e *Escalation) aggregation(ctx context.Context, u user.Info, role, old *rbacv1.ClusterRole) error {
	aggregates := func(r *rbacv1.ClusterRole) bool {
		return r != nil && r.AggregationRule != nil && len(r.AggregationRule.ClusterRoleSelectors) > 0
	}
	if !aggregates(role) && !aggregates(old) || e.mayEscalate(ctx, u, "clusterroles", "") {
		return nil
	}
	everything := []rbacv1.PolicyRule{
		{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
	}
	if err := e.covered(u, "", everything); err != nil {
		err = fmt.Errorf("must have cluster-admin privileges to use the aggregationRule: %w", err)
		return apierrors.NewForbidden(rbacv1.Resource("clusterroles"), role.Name, err)
	}
	return nil
}

func (e *Escalation) binding(ctx context.Context, u user.Info, resource, namespace, name string, ref rbacv1.RoleRef) error {
	if e.mayBind(ctx, u, namespace, ref) {
		return nil
	}
	rules, err := e.Resolver.RulesOf(ref, namespace)
	if err != nil {
		return err
	}
	if err := e.covered(u, namespace, rules); err != nil {
		return apierrors.NewForbidden(rbacv1.Resource(resource), name, err)
	}
	return nil
}

// mayEscalate asks for the role by the name in the request's path, of which there is none when a role is created.
func (e *Escalation) mayEscalate(ctx context.Context, u user.Info, resource, namespace string) bool {
	name := ""
	if info, ok := request.RequestInfoFrom(ctx); ok {
		name = info.Name
	}
	return e.may(ctx, &authorizer.AttributesRecord{
		User: u, Verb: "escalate", ResourceRequest: true,
		APIGroup: rbacv1.GroupName, APIVersion: "*", Resource: resource, Namespace: namespace, Name: name,
	})
}

func (e *Escalation) mayBind(ctx context.Context, u user.Info, namespace string, ref rbacv1.RoleRef) bool {
	resource, ok := map[string]string{"Role": "roles", "ClusterRole": "clusterroles"}[ref.Kind]
	return ok && e.may(ctx, &authorizer.AttributesRecord{
		User: u, Verb: "bind", ResourceRequest: true,
		APIGroup: ref.APIGroup, APIVersion: "*", Resource: resource, Namespace: namespace, Name: ref.Name,
	})
}

func (e *Escalation) may(ctx context.Context, a authorizer.Attributes) bool {
	decision, _, err := e.Authorizer.Authorize(ctx, a)
	return err == nil && decision == authorizer.DecisionAllow
}

// covered tells which of the rules a user doesn't have.
func (e *Escalation) covered(u user.Info, namespace string, rules []rbacv1.PolicyRule) error {
	own, resolveErr := e.Resolver.Rules(u, namespace)
	ok, missing := validation.Covers(own, rules)
	if ok {
		return nil
	}
	lines := sets.New[string]()
	for _, rule := range compact(missing) {
		lines.Insert(describe(&rule))
	}
	text := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		u.GetName(), u.GetGroups(), strings.Join(sets.List(lines), "\n"))
	if resolveErr != nil {
		text += fmt.Sprintf("; resolution errors: %v", []error{resolveErr})
	}
	return errors.New(text)
}
