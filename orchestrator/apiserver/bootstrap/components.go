package bootstrap

import rbacv1 "k8s.io/api/rbac/v1"

// componentRoles are for the programs of the cluster.
func componentRoles() []*rbacv1.ClusterRole {
	return []*rbacv1.ClusterRole{
		clusterRole("system:node", NodeRules()...),
		clusterRole("system:node-proxier",
			may("list watch", core, "services endpoints"),
			may(read, core, "nodes"),
			mayWriteEvents(),
			may("list watch", discovery, "endpointslices")),
		clusterRole("system:node-bootstrapper", may("create get list watch", certificates, "certificatesigningrequests")),
		clusterRole("system:auth-delegator",
			may("create", authentication, "tokenreviews"),
			may("create", authorization, "subjectaccessreviews")),
		clusterRole("system:kubelet-api-admin",
			may(read+" proxy", core, "nodes"),
			may("*", core, "nodes/proxy nodes/metrics nodes/stats nodes/log nodes/spec nodes/healthz nodes/configz nodes/pods")),
		clusterRole("system:kube-scheduler",
			mayWriteEvents(),
			may("create", coordination, "leases"),
			mayNamed("get list update watch", coordination, "leases", "kube-scheduler"),
			may(read, core, "nodes"),
			may("delete get list watch", core, "pods"),
			may("create", core, "bindings pods/binding"),
			may("patch update", core, "pods/status"),
			may(read, core, "replicationcontrollers services namespaces"),
			may(read, apps, "replicasets statefulsets"),
			may(read, policy, "poddisruptionbudgets"),
			may(read, core, "persistentvolumeclaims persistentvolumes"),
			may("create", authentication, "tokenreviews"),
			may("create", authorization, "subjectaccessreviews"),
			may(read, storage, "csinodes csidrivers csistoragecapacities storageclasses volumeattachments")),
		clusterRole("system:volume-scheduler",
			may("get list patch update watch", core, "persistentvolumes persistentvolumeclaims"),
			may(read, storage, "storageclasses")),
		clusterRole("system:kube-controller-manager",
			mayWriteEvents(),
			may("create", coordination, "leases"),
			mayNamed("get list update watch", coordination, "leases", "kube-controller-manager"),
			may("create", core, "secrets serviceaccounts"),
			may("delete", core, "secrets"),
			may("get", core, "configmaps namespaces secrets serviceaccounts"),
			may("update", core, "secrets serviceaccounts"),
			may("create", authentication, "tokenreviews"),
			may("create", authorization, "subjectaccessreviews"),
			may("list watch", "*", "*"), // its shared informers
			may("create", core, "serviceaccounts/token")),
	}
}

// NodeRules are what a kubelet may do as far as kinds and verbs go. Which objects is for the node authorizer to say.
func NodeRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		may("create", authentication, "tokenreviews"),
		may("create", authorization, "localsubjectaccessreviews subjectaccessreviews"),
		may(read, core, "services"),
		may("create "+read, core, "nodes"),
		may("patch update", core, "nodes/status"),
		may("patch update", core, "nodes"),
		mayWriteEvents(),
		may(read, core, "pods"),
		may("create delete", core, "pods"), // mirrors of static pods
		may("patch update", core, "pods/status"),
		may("create", core, "pods/eviction"),
		may(read, core, "configmaps secrets"),
		may("get", core, "persistentvolumeclaims persistentvolumes"),
		may("get patch update", core, "persistentvolumeclaims/status"), // sizes after a resize
		may("get", core, "endpoints"),
		may("create "+read, certificates, "certificatesigningrequests"),
		may("create delete get patch update", coordination, "leases"),
		may("get", storage, "volumeattachments"),
		may("create", core, "serviceaccounts/token"),
		may("get", core, "serviceaccounts"),
		may(read, storage, "csidrivers"),
		may("create delete get patch update", storage, "csinodes"),
		may(read, node, "runtimeclasses"),
	}
}

// certificateRoles let their holders' requests for certificates be approved, or approve those of others, by signer.
func certificateRoles() []*rbacv1.ClusterRole {
	const prefix = "system:certificates.k8s.io:"
	all := []*rbacv1.ClusterRole{
		clusterRole(prefix+"certificatesigningrequests:nodeclient", may("create", certificates, "certificatesigningrequests/nodeclient")),
		clusterRole(prefix+"certificatesigningrequests:selfnodeclient", may("create", certificates, "certificatesigningrequests/selfnodeclient")),
	}
	for _, a := range []struct{ name, signer string }{
		{"kube-apiserver-client-approver", "kubernetes.io/kube-apiserver-client"},
		{"kube-apiserver-client-kubelet-approver", "kubernetes.io/kube-apiserver-client-kubelet"},
		{"kubelet-serving-approver", "kubernetes.io/kubelet-serving"},
		{"legacy-unknown-approver", "kubernetes.io/legacy-unknown"},
	} {
		all = append(all, clusterRole(prefix+a.name, mayNamed("approve", certificates, "signers", a.signer)))
	}
	return all
}
