package bootstrap

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// controllerAccount is a service account in kube-system as which a control loop works, and what it may do. So a loop does no harm
// beyond its own matters.
type controllerAccount struct {
	name  string
	rules []rbacv1.PolicyRule
}

func (c *controllerAccount) roleName() string { return "system:controller:" + c.name }

func (c *controllerAccount) role() *rbacv1.ClusterRole { return clusterRole(c.roleName(), c.rules...) }

// controllers returns the accounts of all control loops.
func controllers() []controllerAccount {
	return slices.Concat(workloadControllers(), networkControllers(), storageControllers(), clusterControllers())
}

func workloadControllers() []controllerAccount {
	const full = "create delete get list patch update watch"
	return []controllerAccount{
		{"cronjob-controller", []rbacv1.PolicyRule{
			may("get list update watch", batch, "cronjobs"),
			may(full, batch, "jobs"),
			may("update", batch, "cronjobs/status cronjobs/finalizers"),
			may("delete list", core, "pods"),
			mayWriteEvents(),
		}},
		{"daemon-set-controller", []rbacv1.PolicyRule{
			may(read, apps, "daemonsets"),
			may("update", apps, "daemonsets/status daemonsets/finalizers"),
			may("list watch", core, "nodes"),
			may("create delete list patch watch", core, "pods"),
			may("create", core, "pods/binding"),
			may(full, apps, "controllerrevisions"),
			mayWriteEvents(),
		}},
		{"deployment-controller", []rbacv1.PolicyRule{
			may("get list patch update watch", apps, "deployments"),
			may("update", apps, "deployments/status deployments/finalizers"),
			may(full, apps, "replicasets"),
			may("get list update watch", core, "pods"),
			mayWriteEvents(),
		}},
		{"disruption-controller", []rbacv1.PolicyRule{
			may(read, apps, "deployments replicasets statefulsets"),
			may(read, core, "replicationcontrollers"),
			may(read, policy, "poddisruptionbudgets"),
			may("update", policy, "poddisruptionbudgets/status"),
			may(read, core, "pods"),
			may("patch update", core, "pods/status"),
			may("get", "*", "*/scale"),
			mayWriteEvents(),
		}},
		{"job-controller", []rbacv1.PolicyRule{
			may("get list patch update watch", batch, "jobs"),
			may("patch update", batch, "jobs/status"),
			may("update", batch, "jobs/finalizers"),
			may("create delete list patch watch", core, "pods"),
			mayWriteEvents(),
		}},
		{"replicaset-controller", []rbacv1.PolicyRule{
			may("get list update watch", apps, "replicasets"),
			may("update", apps, "replicasets/status replicasets/finalizers"),
			may("create delete list patch watch", core, "pods"),
			mayWriteEvents(),
		}},
		{"replication-controller", []rbacv1.PolicyRule{
			may("get list update watch", core, "replicationcontrollers"),
			may("update", core, "replicationcontrollers/status replicationcontrollers/finalizers"),
			may("create delete list patch watch", core, "pods"),
			mayWriteEvents(),
		}},
		{"statefulset-controller", []rbacv1.PolicyRule{
			may("list watch", core, "pods"),
			may(read, apps, "statefulsets"),
			may("update", apps, "statefulsets/status statefulsets/finalizers"),
			may("create delete get patch update", core, "pods"),
			may(full, apps, "controllerrevisions"),
			may("create delete get list update watch", core, "persistentvolumeclaims"),
			mayWriteEvents(),
		}},
		{"ttl-after-finished-controller", []rbacv1.PolicyRule{
			may("delete get list watch", batch, "jobs"),
			mayWriteEvents(),
		}},
	}
}

func networkControllers() []controllerAccount {
	return []controllerAccount{
		{"endpoint-controller", []rbacv1.PolicyRule{
			may(read, core, "services pods"),
			may("create delete get list update watch", core, "endpoints"),
			may("create", core, "endpoints/restricted"),
			mayWriteEvents(),
		}},
		{"endpointslice-controller", []rbacv1.PolicyRule{
			may(read, core, "services pods nodes"),
			may("update", core, "services/finalizers"),
			may("create delete get list update watch", discovery, "endpointslices"),
			may("create", discovery, "endpointslices/restricted"),
			mayWriteEvents(),
		}},
	}
}

func storageControllers() []controllerAccount {
	return []controllerAccount{
		{"persistent-volume-binder", []rbacv1.PolicyRule{
			may("create delete get list update watch", core, "persistentvolumes"),
			may("update", core, "persistentvolumes/status"),
			may("get list update watch", core, "persistentvolumeclaims"),
			may("update", core, "persistentvolumeclaims/status"),
			may("create delete get list watch", core, "pods"),
			may(read, storage, "storageclasses"),
			may("get", core, "secrets"),
			may(read, core, "nodes"),
			may("watch", core, "events"),
			mayWriteEvents(),
		}},
		{"pv-protection-controller", []rbacv1.PolicyRule{
			may("get list update watch", core, "persistentvolumes"),
			mayWriteEvents(),
		}},
		{"pvc-protection-controller", []rbacv1.PolicyRule{
			may("get list update watch", core, "persistentvolumeclaims"),
			may(read, core, "pods"),
			mayWriteEvents(),
		}},
	}
}

func clusterControllers() []controllerAccount {
	return []controllerAccount{
		{"certificate-controller", []rbacv1.PolicyRule{
			may("delete get list watch", certificates, "certificatesigningrequests"),
			may("update", certificates, "certificatesigningrequests/status certificatesigningrequests/approval"),
			mayNamed("approve", certificates, "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
			mayNamed("sign", certificates, "signers", "kubernetes.io/legacy-unknown", "kubernetes.io/kubelet-serving",
				"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"),
			may("create", authorization, "subjectaccessreviews"),
			mayWriteEvents(),
		}},
		{"clusterrole-aggregation-controller", []rbacv1.PolicyRule{
			may("escalate get list patch update watch", rbac, "clusterroles"), // it joins rules that it doesn't have
		}},
		{"generic-garbage-collector", []rbacv1.PolicyRule{
			may("delete get list patch update watch", "*", "*"),
			mayWriteEvents(),
		}},
		{"namespace-controller", []rbacv1.PolicyRule{
			may("delete get list watch", core, "namespaces"),
			may("update", core, "namespaces/finalize namespaces/status"),
			may("delete deletecollection get list", "*", "*"),
		}},
		{"node-controller", []rbacv1.PolicyRule{
			may("delete get list patch update watch", core, "nodes"),
			may("patch update", core, "nodes/status pods/status"),
			may("delete get list watch", core, "pods"),
			may(read, coordination, "leases"),
			mayWriteEvents(),
		}},
		{"pod-garbage-collector", []rbacv1.PolicyRule{
			may("delete list watch", core, "pods"),
			may("get list watch", core, "nodes"),
			may("patch", core, "pods/status"),
		}},
		{"resourcequota-controller", []rbacv1.PolicyRule{
			may("list watch", "*", "*"),
			may("update", core, "resourcequotas/status"),
			mayWriteEvents(),
		}},
		{"root-ca-cert-publisher", []rbacv1.PolicyRule{
			may("create update", core, "configmaps"),
			mayWriteEvents(),
		}},
		{"service-account-controller", []rbacv1.PolicyRule{
			may("create", core, "serviceaccounts"),
			mayWriteEvents(),
		}},
	}
}
