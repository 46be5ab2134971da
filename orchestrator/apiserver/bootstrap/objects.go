package bootstrap

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Objects returns all, in an order in which they can be created.
func Objects() []runtime.Object {
	var all []runtime.Object
	for _, n := range namespaces() {
		all = append(all, n)
	}
	for _, c := range priorityClasses() {
		all = append(all, c)
	}
	for _, r := range ClusterRoles() {
		all = append(all, r)
	}
	for _, b := range clusterRoleBindings() {
		all = append(all, b)
	}
	for _, r := range roles() {
		all = append(all, r)
	}
	for _, b := range roleBindings() {
		all = append(all, b)
	}
	return all
}

// ClusterRoles returns the roles of the cluster.
func ClusterRoles() []*rbacv1.ClusterRole {
	all := slices.Concat(everyonesRoles(), userRoles(), componentRoles(), certificateRoles())
	for _, c := range controllers() {
		all = append(all, c.role())
	}
	return all
}

func namespaces() (all []*v1.Namespace) {
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, v1.NamespaceNodeLease} {
		all = append(all, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return all
}

// priorityClasses are those that only the system may use. No class of a user may have a value of a billion or more.
func priorityClasses() []*schedulingv1.PriorityClass {
	preempt := v1.PreemptLowerPriority
	return []*schedulingv1.PriorityClass{
		{
			ObjectMeta: metav1.ObjectMeta{Name: "system-node-critical"}, Value: 2000001000, PreemptionPolicy: &preempt,
			Description: "Used for system critical pods that must not be moved from their current node.",
		},
		{
			ObjectMeta: metav1.ObjectMeta{Name: "system-cluster-critical"}, Value: 2000000000, PreemptionPolicy: &preempt,
			Description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
		},
	}
}

// meta is what bootstrap objects have in common.
func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name,
		Labels:      map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"},
		Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"},
	}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: meta("", name), Rules: rules}
}

// bind returns a binding of a role of the cluster.
func bind(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta("", name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   subjects,
	}
}

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
}

func aUser(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

func account(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: name}
}
