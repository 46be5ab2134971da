package validation

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// kinds is what is checked of each kind. It is never written.
var kinds = tableOf(
	// Pods, and what keeps them running.
	kind[v1.Pod]{scope: namespaced, name: dnsSubdomain, onCreate: newPod, valid: validPod,
		update: updatePod, status: updatePodStatus, warn: podWarnings},
	kind[v1.PodTemplate]{scope: namespaced, name: dnsSubdomain, valid: validPodTemplate, warn: podTemplateWarnings},
	kind[v1.ReplicationController]{scope: namespaced, name: dnsSubdomain, valid: validReplicationController,
		status: updateReplicationControllerStatus, warn: replicationControllerWarnings},
	kind[appsv1.ReplicaSet]{scope: namespaced, name: dnsSubdomain, valid: validReplicaSet,
		update: updateReplicaSet, status: updateReplicaSetStatus, warn: replicaSetWarnings},
	kind[appsv1.Deployment]{scope: namespaced, name: dnsSubdomain, valid: validDeployment,
		update: updateDeployment, status: updateDeploymentStatus, warn: deploymentWarnings},
	kind[appsv1.DaemonSet]{scope: namespaced, name: dnsSubdomain, valid: validDaemonSet,
		update: updateDaemonSet, status: updateDaemonSetStatus, warn: daemonSetWarnings},
	kind[appsv1.StatefulSet]{scope: namespaced, name: dnsLabel, onCreate: newStatefulSet, valid: validStatefulSet,
		update: updateStatefulSet, status: updateStatefulSetStatus, warn: statefulSetWarnings},
	kind[appsv1.ControllerRevision]{scope: namespaced, name: dnsSubdomain, valid: validControllerRevision,
		update: updateControllerRevision},
	kind[batchv1.Job]{scope: namespaced, name: dnsSubdomain, onCreate: newJob, valid: validJob,
		update: updateJob, status: updateJobStatus, warn: jobWarnings},
	kind[batchv1.CronJob]{scope: namespaced, name: dnsSubdomain, onCreate: newCronJob, valid: validCronJob, warn: cronJobWarnings},
	kind[policyv1.PodDisruptionBudget]{scope: namespaced, name: dnsSubdomain, valid: validDisruptionBudget,
		status: updateDisruptionBudgetStatus},
	kind[schedulingv1.PriorityClass]{scope: cluster, name: dnsSubdomain, onCreate: newPriorityClass, valid: validPriorityClass,
		update: updatePriorityClass},

	// How pods are reached.
	kind[v1.Service]{scope: namespaced, name: dns1035Label, valid: validService, update: updateService, status: updateServiceStatus},
	kind[v1.Endpoints]{scope: namespaced, name: dnsSubdomain, valid: validEndpoints},
	kind[discoveryv1.EndpointSlice]{scope: namespaced, name: dnsSubdomain, valid: validEndpointSlice, update: updateEndpointSlice},
	kind[networkingv1.NetworkPolicy]{scope: namespaced, name: dnsSubdomain, valid: validNetworkPolicy},
	kind[networkingv1.Ingress]{scope: namespaced, name: dnsSubdomain, valid: validIngress},
	kind[networkingv1.IngressClass]{scope: cluster, name: dnsSubdomain, valid: validIngressClass, update: updateIngressClass},

	// What pods are given.
	kind[v1.ConfigMap]{scope: namespaced, name: dnsSubdomain, valid: validConfigMap, update: updateConfigMap},
	kind[v1.Secret]{scope: namespaced, name: dnsSubdomain, valid: validSecret, update: updateSecret},
	kind[v1.ServiceAccount]{scope: namespaced, name: dnsSubdomain},
	kind[v1.PersistentVolume]{scope: cluster, name: dnsSubdomain, valid: validVolume, update: updateVolume},
	kind[v1.PersistentVolumeClaim]{scope: namespaced, name: dnsSubdomain, valid: validClaim, update: updateClaim,
		status: updateClaimStatus},
	kind[storagev1.StorageClass]{scope: cluster, name: dnsSubdomain, valid: validStorageClass, update: updateStorageClass},
	kind[storagev1.CSINode]{scope: cluster, name: dnsSubdomain, valid: validCSINode, update: updateCSINode},
	kind[storagev1.CSIDriver]{scope: cluster, onCreate: newCSIDriver, valid: validCSIDriver, update: updateCSIDriver},
	kind[storagev1.VolumeAttachment]{scope: cluster, name: dnsSubdomain, valid: validVolumeAttachment, update: updateVolumeAttachment},

	// The cluster, and who may do what in it.
	kind[v1.Node]{scope: cluster, name: dnsSubdomain, onCreate: newNode, valid: validNode, update: updateNode,
		status: updateNodeStatus},
	kind[v1.Namespace]{scope: cluster, name: dnsLabel, valid: validNamespace, status: updateNamespaceStatus},
	kind[v1.ResourceQuota]{scope: namespaced, name: dnsSubdomain, valid: validQuota, update: updateQuota, status: updateQuotaStatus},
	kind[v1.LimitRange]{scope: namespaced, name: dnsSubdomain, valid: validLimitRange},
	kind[v1.Event]{scope: namespaced, valid: validEvent},
	kind[coordinationv1.Lease]{scope: namespaced, name: dnsSubdomain, valid: validLease},
	kind[rbacv1.Role]{scope: namespaced, valid: validRole},
	kind[rbacv1.RoleBinding]{scope: namespaced, valid: validRoleBinding, update: updateRoleBinding},
	kind[rbacv1.ClusterRole]{scope: cluster, valid: validClusterRole},
	kind[rbacv1.ClusterRoleBinding]{scope: cluster, valid: validClusterRoleBinding, update: updateClusterRoleBinding},
	kind[certificatesv1.CertificateSigningRequest]{scope: cluster, valid: validSigningRequest,
		update: updateSigningRequest, status: updateSigningStatus},
)
