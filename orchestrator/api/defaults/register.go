package defaults

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Register makes scheme default the kinds below and their lists.
func Register(scheme *runtime.Scheme) {
	add(scheme, pod, func(l *corev1.PodList) []corev1.Pod { return l.Items })
	add(scheme, podTemplate, func(l *corev1.PodTemplateList) []corev1.PodTemplate { return l.Items })
	add(scheme, replicationController, func(l *corev1.ReplicationControllerList) []corev1.ReplicationController { return l.Items })
	add(scheme, service, func(l *corev1.ServiceList) []corev1.Service { return l.Items })
	add(scheme, endpoints, func(l *corev1.EndpointsList) []corev1.Endpoints { return l.Items })
	add(scheme, namespace, func(l *corev1.NamespaceList) []corev1.Namespace { return l.Items })
	add(scheme, node, func(l *corev1.NodeList) []corev1.Node { return l.Items })
	add(scheme, configMap, func(l *corev1.ConfigMapList) []corev1.ConfigMap { return l.Items })
	add(scheme, secret, func(l *corev1.SecretList) []corev1.Secret { return l.Items })
	add(scheme, persistentVolume, func(l *corev1.PersistentVolumeList) []corev1.PersistentVolume { return l.Items })
	add(scheme, persistentVolumeClaim, func(l *corev1.PersistentVolumeClaimList) []corev1.PersistentVolumeClaim { return l.Items })
	add(scheme, limitRange, func(l *corev1.LimitRangeList) []corev1.LimitRange { return l.Items })
	add(scheme, resourceQuota, func(l *corev1.ResourceQuotaList) []corev1.ResourceQuota { return l.Items })

	add(scheme, deployment, func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items })
	add(scheme, replicaSet, func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items })
	add(scheme, daemonSet, func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items })
	add(scheme, statefulSet, func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items })

	add(scheme, job, func(l *batchv1.JobList) []batchv1.Job { return l.Items })
	add(scheme, cronJob, func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items })

	add(scheme, endpointSlice, func(l *discoveryv1.EndpointSliceList) []discoveryv1.EndpointSlice { return l.Items })
	add(scheme, networkPolicy, func(l *networkingv1.NetworkPolicyList) []networkingv1.NetworkPolicy { return l.Items })
	add(scheme, ingressClass, func(l *networkingv1.IngressClassList) []networkingv1.IngressClass { return l.Items })
	add(scheme, storageClass, func(l *storagev1.StorageClassList) []storagev1.StorageClass { return l.Items })
	add(scheme, csiDriver, func(l *storagev1.CSIDriverList) []storagev1.CSIDriver { return l.Items })
	add(scheme, roleBinding, func(l *rbacv1.RoleBindingList) []rbacv1.RoleBinding { return l.Items })
	add(scheme, clusterRoleBinding, func(l *rbacv1.ClusterRoleBindingList) []rbacv1.ClusterRoleBinding { return l.Items })
	add(scheme, priorityClass, func(l *schedulingv1.PriorityClassList) []schedulingv1.PriorityClass { return l.Items })
	add(scheme, podCertificateRequest,
		func(l *certificatesv1.PodCertificateRequestList) []certificatesv1.PodCertificateRequest {
			return l.Items
		})

	on[authenticationv1.TokenRequest](scheme, tokenRequest)
}

// object is a pointer to a kind's type.
type object[T any] interface {
	*T
	runtime.Object
}

// add registers f for a kind, and for each item of its list.
func add[T, L any, P object[T], Q object[L]](scheme *runtime.Scheme, f func(P), items func(Q) []T) {
	on[T](scheme, f)
	on[L](scheme, func(list Q) {
		all := items(list)
		for i := range all {
			f(&all[i])
		}
	})
}

// on registers f for one type. The scheme calls it with objects of that type only.
func on[T any, P object[T]](scheme *runtime.Scheme, f func(P)) {
	scheme.AddTypeDefaultingFunc(P(new(T)), func(obj any) {
		p, ok := obj.(P)
		if !ok {
			panic(fmt.Sprintf("defaults: the function for %T was called with %T", P(nil), obj))
		}
		f(p)
	})
}

// set gives *field a value if it has none.
func set[T comparable](field *T, value T) {
	if none := *new(T); *field == none {
		*field = value
	}
}

// point makes *field point to a value if it points to nothing.
func point[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
