package bootstrap

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// aggregateTo is the label that puts the rules of a role into admin, edit or view.
func aggregateTo(role string) string { return "rbac.authorization.k8s.io/aggregate-to-" + role }

// aggregated returns a role that has the rules of all that are labeled for it.
func aggregated(name string) *rbacv1.ClusterRole {
	role := clusterRole(name)
	role.AggregationRule = &rbacv1.AggregationRule{
		ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{aggregateTo(name): "true"}}},
	}
	return role
}

// into labels a role so that its rules come into another.
func into(target string, role *rbacv1.ClusterRole) *rbacv1.ClusterRole {
	role.Labels[aggregateTo(target)] = "true"
	return role
}

// userRoles are meant to be bound in a namespace: admin has what edit has and more, and edit what view has.
// Who can view can read no secrets, and who can edit no roles.
func userRoles() []*rbacv1.ClusterRole {
	const workloads = "statefulsets statefulsets/scale daemonsets deployments deployments/scale replicasets replicasets/scale"
	return []*rbacv1.ClusterRole{
		aggregated("admin"),
		into("admin", aggregated("edit")),
		into("edit", aggregated("view")),

		into("admin", clusterRole("system:aggregate-to-admin",
			may("create", authorization, "localsubjectaccessreviews"),
			may(readWrite, rbac, "roles rolebindings"))),

		into("edit", clusterRole("system:aggregate-to-edit",
			may(read, core, "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy"),
			may("impersonate", core, "serviceaccounts"),
			may(write, core, "pods pods/attach pods/proxy pods/exec pods/portforward"),
			may("create", core, "pods/eviction"),
			may(write, core, "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy "+
				"persistentvolumeclaims configmaps secrets events"),
			may("create", core, "serviceaccounts/token"),
			may(write, apps, workloads+" deployments/rollback"),
			may(write, autoscaling, "horizontalpodautoscalers"),
			may(write, batch, "jobs cronjobs"),
			may(write, policy, "poddisruptionbudgets"),
			may(write, networking, "networkpolicies ingresses"),
			may(readWrite, coordination, "leases"))),

		into("view", clusterRole("system:aggregate-to-view",
			may(read, core, "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status endpoints "+
				"persistentvolumeclaims persistentvolumeclaims/status configmaps"),
			may(read, core, "limitranges resourcequotas bindings events pods/status resourcequotas/status namespaces/status "+
				"replicationcontrollers/status pods/log"),
			may(read, core, "namespaces"),
			may(read, discovery, "endpointslices"),
			may(read, apps, workloads+" controllerrevisions statefulsets/status daemonsets/status deployments/status replicasets/status"),
			may(read, autoscaling, "horizontalpodautoscalers horizontalpodautoscalers/status"),
			may(read, batch, "jobs jobs/status cronjobs cronjobs/status"),
			may(read, policy, "poddisruptionbudgets poddisruptionbudgets/status"),
			may(read, networking, "networkpolicies networkpolicies/status ingresses ingresses/status"))),
	}
}
