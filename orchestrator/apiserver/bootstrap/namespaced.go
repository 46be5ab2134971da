package bootstrap

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

const authReader = "extension-apiserver-authentication-reader"

// roles are those for objects of which one namespace alone has any.
func roles() []*rbacv1.Role {
	return []*rbacv1.Role{{
		// How other servers find which authorities the apiserver believes.
		ObjectMeta: meta(metav1.NamespaceSystem, authReader),
		Rules:      []rbacv1.PolicyRule{mayNamed(read, core, "configmaps", "extension-apiserver-authentication")},
	}}
}

// roleBindings gives these roles to those that need them.
func roleBindings() []*rbacv1.RoleBinding {
	return []*rbacv1.RoleBinding{{
		ObjectMeta: meta(metav1.NamespaceSystem, "system::"+authReader),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: authReader},
		Subjects:   []rbacv1.Subject{aUser(user.KubeControllerManager), aUser(user.KubeScheduler)},
	}}
}
