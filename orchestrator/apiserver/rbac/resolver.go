package rbac

import (
	"context"
	"fmt"
	"iter"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	informers "k8s.io/client-go/informers/rbac/v1"
	listers "k8s.io/client-go/listers/rbac/v1"
)

// Resolver finds the rules that users have. It implements authorizer.RuleResolver.
type Resolver struct {
	roles               listers.RoleLister
	roleBindings        listers.RoleBindingLister
	clusterRoles        listers.ClusterRoleLister
	clusterRoleBindings listers.ClusterRoleBindingLister
}

// NewResolver returns a resolver on the caches of informers.
func NewResolver(i informers.Interface) *Resolver {
	return &Resolver{
		roles: i.Roles().Lister(), roleBindings: i.RoleBindings().Lister(),
		clusterRoles: i.ClusterRoles().Lister(), clusterRoleBindings: i.ClusterRoleBindings().Lister(),
	}
}

// grant is a rule, and by which binding a user has it.
type grant struct {
	rule    *rbacv1.PolicyRule
	binding bound
}

// bound is a binding of either kind, and the subject of it that the user is.
type bound struct {
	kind, name, namespace string
	role                  rbacv1.RoleRef
	subject               *rbacv1.Subject
}

// String is for the reason of a decision.
func (b *bound) String() string {
	name := b.name
	if b.namespace != "" {
		name += "/" + b.namespace
	}
	return fmt.Sprintf("%s %q of %s %q to %s", b.kind, name, b.role.Kind, b.role.Name, describeSubject(b.subject, b.namespace))
}

// grants goes through all that a user has in a namespace and in the cluster, or with an empty namespace in the cluster only. An error
// stands for what could not be found; more may follow.
func (r *Resolver) grants(u user.Info, namespace string) iter.Seq2[grant, error] {
	return func(yield func(grant, error) bool) {
		for b, err := range r.bindings(u, namespace) {
			if err != nil {
				if !yield(grant{}, err) {
					return
				}
				continue
			}
			rules, err := r.RulesOf(b.role, b.namespace)
			if err != nil {
				if !yield(grant{}, err) {
					return
				}
				continue
			}
			for i := range rules {
				if !yield(grant{&rules[i], b}, nil) {
					return
				}
			}
		}
	}
}

// bindings goes through those that name a user, those of the cluster first.
func (r *Resolver) bindings(u user.Info, namespace string) iter.Seq2[bound, error] {
	return func(yield func(bound, error) bool) {
		cluster, err := r.clusterRoleBindings.List(labels.Everything())
		if err != nil && !yield(bound{}, err) {
			return
		}
		for _, b := range cluster {
			if s, ok := subjectOf(u, b.Subjects, ""); ok && !yield(bound{"ClusterRoleBinding", b.Name, "", b.RoleRef, s}, nil) {
				return
			}
		}
		if namespace == "" {
			return
		}
		local, err := r.roleBindings.RoleBindings(namespace).List(labels.Everything())
		if err != nil && !yield(bound{}, err) {
			return
		}
		for _, b := range local {
			if s, ok := subjectOf(u, b.Subjects, namespace); ok && !yield(bound{"RoleBinding", b.Name, namespace, b.RoleRef, s}, nil) {
				return
			}
		}
	}
}

// RulesOf returns the rules of a role that a binding in a namespace refers to. They must not be changed.
func (r *Resolver) RulesOf(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	switch ref.Kind {
	case "Role":
		role, err := r.roles.Roles(namespace).Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	case "ClusterRole":
		role, err := r.clusterRoles.Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	default:
		return nil, fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
	}
}

// Rules returns all rules that a user has in a namespace. With an error there may be more.
func (r *Resolver) Rules(u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	var errs []error
	for g, err := range r.grants(u, namespace) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rules = append(rules, *g.rule)
	}
	return rules, utilerrors.NewAggregate(errs)
}

// RulesFor implements authorizer.RuleResolver.
func (r *Resolver) RulesFor(_ context.Context, u user.Info, namespace string) (
	[]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error,
) {
	rules, err := r.Rules(u, namespace)
	var resources []authorizer.ResourceRuleInfo
	var others []authorizer.NonResourceRuleInfo
	for _, rule := range rules {
		if len(rule.Resources) > 0 {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{
				Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
			})
		}
		if len(rule.NonResourceURLs) > 0 {
			others = append(others, &authorizer.DefaultNonResourceRuleInfo{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
		}
	}
	return resources, others, false, err
}
