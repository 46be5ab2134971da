package registry

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// all is the category of what `kubectl get all` shows.
var all = []string{"all"}

// Kinds are the kinds that are kept in the store.
func Kinds() []*Kind {
	core := func(kind string) schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind(kind) }
	apps := func(kind string) schema.GroupVersionKind { return appsv1.SchemeGroupVersion.WithKind(kind) }
	batch := func(kind string) schema.GroupVersionKind { return batchv1.SchemeGroupVersion.WithKind(kind) }
	rbac := func(kind string) schema.GroupVersionKind { return rbacv1.SchemeGroupVersion.WithKind(kind) }
	storage := func(kind string) schema.GroupVersionKind { return storagev1.SchemeGroupVersion.WithKind(kind) }
	networking := func(kind string) schema.GroupVersionKind { return networkingv1.SchemeGroupVersion.WithKind(kind) }
	return []*Kind{
		{GVK: core("Pod"), Plural: "pods", Singular: "pod", ShortNames: []string{"po"}, Categories: all, Namespaced: true,
			HasStatus: true, Generations: true, Prepare: preparePod, PrepareUpdate: updatePod, PrepareStatus: updatePodStatus, Grace: podGrace, Index: "spec.nodeName"},
		{GVK: core("PodTemplate"), Plural: "podtemplates", Singular: "podtemplate", Namespaced: true},
		{GVK: core("Node"), Plural: "nodes", Singular: "node", ShortNames: []string{"no"}, HasStatus: true, StatusAtCreation: true},
		{GVK: core("Namespace"), Plural: "namespaces", Singular: "namespace", ShortNames: []string{"ns"}, HasStatus: true,
			Prepare: prepareNamespace, PrepareUpdate: updateNamespace, MayEnd: mayEndNamespace},
		{GVK: core("Service"), Plural: "services", Singular: "service", ShortNames: []string{"svc"}, Categories: all, Namespaced: true,
			HasStatus: true, CreatedByUpdate: true},
		{GVK: core("Endpoints"), Plural: "endpoints", Singular: "endpoints", ShortNames: []string{"ep"}, Namespaced: true, CreatedByUpdate: true},
		{GVK: core("Event"), Plural: "events", Singular: "event", ShortNames: []string{"ev"}, Namespaced: true, CreatedByUpdate: true},
		{GVK: core("Secret"), Plural: "secrets", Singular: "secret", Namespaced: true},
		{GVK: core("ConfigMap"), Plural: "configmaps", Singular: "configmap", ShortNames: []string{"cm"}, Namespaced: true},
		{GVK: core("ServiceAccount"), Plural: "serviceaccounts", Singular: "serviceaccount", ShortNames: []string{"sa"}, Namespaced: true},
		{GVK: core("PersistentVolume"), Plural: "persistentvolumes", Singular: "persistentvolume", ShortNames: []string{"pv"}, HasStatus: true, Prepare: prepareVolume},
		{GVK: core("PersistentVolumeClaim"), Plural: "persistentvolumeclaims", Singular: "persistentvolumeclaim", ShortNames: []string{"pvc"}, Namespaced: true,
			HasStatus: true, Prepare: prepareClaim},
		{GVK: core("ReplicationController"), Plural: "replicationcontrollers", Singular: "replicationcontroller", ShortNames: []string{"rc"}, Categories: all, Namespaced: true,
			HasStatus: true, Generations: true, OrphansByDefault: true},
		{GVK: core("ResourceQuota"), Plural: "resourcequotas", Singular: "resourcequota", ShortNames: []string{"quota"}, Namespaced: true, HasStatus: true},
		{GVK: core("LimitRange"), Plural: "limitranges", Singular: "limitrange", ShortNames: []string{"limits"}, Namespaced: true, CreatedByUpdate: true},

		{GVK: apps("Deployment"), Plural: "deployments", Singular: "deployment", ShortNames: []string{"deploy"}, Categories: all, Namespaced: true, HasStatus: true, Generations: true},
		{GVK: apps("ReplicaSet"), Plural: "replicasets", Singular: "replicaset", ShortNames: []string{"rs"}, Categories: all, Namespaced: true, HasStatus: true, Generations: true},
		{GVK: apps("DaemonSet"), Plural: "daemonsets", Singular: "daemonset", ShortNames: []string{"ds"}, Categories: all, Namespaced: true, HasStatus: true, Generations: true},
		{GVK: apps("StatefulSet"), Plural: "statefulsets", Singular: "statefulset", ShortNames: []string{"sts"}, Categories: all, Namespaced: true, HasStatus: true, Generations: true},
		{GVK: apps("ControllerRevision"), Plural: "controllerrevisions", Singular: "controllerrevision", Namespaced: true},

		{GVK: batch("Job"), Plural: "jobs", Singular: "job", Categories: all, Namespaced: true, HasStatus: true, Generations: true, Prepare: prepareJob,
			OrphansByDefault: true},
		{GVK: batch("CronJob"), Plural: "cronjobs", Singular: "cronjob", ShortNames: []string{"cj"}, Categories: all, Namespaced: true, HasStatus: true, Generations: true},

		{GVK: coordinationv1.SchemeGroupVersion.WithKind("Lease"), Plural: "leases", Singular: "lease", Namespaced: true, CreatedByUpdate: true, VersionedUpdates: true},
		{GVK: discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), Plural: "endpointslices", Singular: "endpointslice", Namespaced: true,
			Prepare: prepareSlice, PrepareUpdate: updateSlice},

		{GVK: policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), Plural: "poddisruptionbudgets", Singular: "poddisruptionbudget", ShortNames: []string{"pdb"}, Namespaced: true,
			HasStatus: true, Generations: true, VersionedUpdates: true},
		{GVK: schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"), Plural: "priorityclasses", Singular: "priorityclass", ShortNames: []string{"pc"}},

		{GVK: storage("StorageClass"), Plural: "storageclasses", Singular: "storageclass", ShortNames: []string{"sc"}},
		{GVK: storage("CSINode"), Plural: "csinodes", Singular: "csinode", VersionedUpdates: true},
		{GVK: storage("CSIDriver"), Plural: "csidrivers", Singular: "csidriver", VersionedUpdates: true},
		{GVK: storage("VolumeAttachment"), Plural: "volumeattachments", Singular: "volumeattachment", VersionedUpdates: true, HasStatus: true},

		{GVK: rbac("Role"), Plural: "roles", Singular: "role", Namespaced: true, CreatedByUpdate: true},
		{GVK: rbac("RoleBinding"), Plural: "rolebindings", Singular: "rolebinding", Namespaced: true, CreatedByUpdate: true},
		{GVK: rbac("ClusterRole"), Plural: "clusterroles", Singular: "clusterrole", CreatedByUpdate: true},
		{GVK: rbac("ClusterRoleBinding"), Plural: "clusterrolebindings", Singular: "clusterrolebinding", CreatedByUpdate: true},

		{GVK: networking("NetworkPolicy"), Plural: "networkpolicies", Singular: "networkpolicy", ShortNames: []string{"netpol"}, Namespaced: true, Generations: true},
		{GVK: networking("Ingress"), Plural: "ingresses", Singular: "ingress", ShortNames: []string{"ing"}, Namespaced: true, HasStatus: true, Generations: true},
		{GVK: networking("IngressClass"), Plural: "ingressclasses", Singular: "ingressclass", Generations: true},

		{GVK: certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"), Plural: "certificatesigningrequests", Singular: "certificatesigningrequest", ShortNames: []string{"csr"},
			HasStatus: true, Prepare: prepareRequest, PrepareUpdate: updateRequest, PrepareStatus: updateRequestStatus},
	}
}
