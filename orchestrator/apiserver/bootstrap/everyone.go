package bootstrap

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// everyonesRoles are for administrators at the one end and whoever comes along at the other.
func everyonesRoles() []*rbacv1.ClusterRole {
	alive := []string{"/livez", "/readyz", "/healthz"}
	version := slices.Concat(alive, []string{"/version", "/version/"})
	return []*rbacv1.ClusterRole{
		clusterRole("cluster-admin", may("*", "*", "*"), mayVisit("*", "*")),
		clusterRole("system:discovery", mayVisit("get",
			slices.Concat(version, []string{"/openapi", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*"})...)),
		clusterRole("system:basic-user",
			may("create", authorization, "selfsubjectaccessreviews selfsubjectrulesreviews"),
			may("create", authentication, "selfsubjectreviews")),
		clusterRole("system:public-info-viewer", mayVisit("get", version...)),
		clusterRole("system:monitoring", mayVisit("get",
			slices.Concat(alive, []string{"/livez/*", "/readyz/*", "/healthz/*", "/metrics", "/metrics/slis"})...)),
		clusterRole("system:service-account-issuer-discovery", mayVisit("get",
			"/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/")),
	}
}

// clusterRoleBindings gives the roles to those that need them.
func clusterRoleBindings() []*rbacv1.ClusterRoleBinding {
	scheduler, proxy, manager := aUser(user.KubeScheduler), aUser(user.KubeProxy), aUser(user.KubeControllerManager)
	all := []*rbacv1.ClusterRoleBinding{
		bind("cluster-admin", "cluster-admin", group(user.SystemPrivilegedGroup)),
		bind("system:monitoring", "system:monitoring", group(user.MonitoringGroup)),
		bind("system:discovery", "system:discovery", group(user.AllAuthenticated)),
		bind("system:basic-user", "system:basic-user", group(user.AllAuthenticated)),
		bind("system:public-info-viewer", "system:public-info-viewer", group(user.AllAuthenticated), group(user.AllUnauthenticated)),
		bind("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", group(serviceaccount.AllServiceAccountsGroup)),
		bind("system:node-proxier", "system:node-proxier", proxy),
		bind("system:kube-controller-manager", "system:kube-controller-manager", manager),
		bind("system:kube-scheduler", "system:kube-scheduler", scheduler),
		bind("system:volume-scheduler", "system:volume-scheduler", scheduler),
		bind("system:node", "system:node"), // nobody: the node authorizer knows better which objects a node needs
	}
	// The control loops of ours have no accounts of their own: they all work as kube-controller-manager. It could get at any account
	// anyway, since it may make tokens for them.
	for _, c := range controllers() {
		all = append(all, bind(c.roleName(), c.roleName(), account(c.name), manager))
	}
	return all
}
