package quota

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

var inNamespace = metav1.ObjectMeta{Namespace: "ns", Name: "x"}

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func pod(requests, limits corev1.ResourceList) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: inNamespace, Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "c", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}},
	}}}
}

func plainText(l corev1.ResourceList) map[string]string {
	if l == nil {
		return nil
	}
	m := map[string]string{}
	for name, q := range l {
		m[string(name)] = q.String()
	}
	return m
}

func TestUsage(t *testing.T) {
	ended := pod(list("cpu", "1"), nil)
	ended.Status.Phase = corev1.PodSucceeded
	stuck := pod(list("cpu", "1"), nil)
	stuck.DeletionTimestamp, stuck.DeletionGracePeriodSeconds = ptr.To(metav1.NewTime(time.Now().Add(-time.Hour))), ptr.To[int64](30)
	ports := []corev1.ServicePort{{Port: 1}, {Port: 2, NodePort: 30000}}
	custom := &unstructured.Unstructured{}
	custom.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"})
	custom.SetNamespace("ns")

	for name, tc := range map[string]struct {
		obj  runtime.Object
		want map[string]string
	}{
		"pod": {
			pod(list("cpu", "100m", "memory", "1Gi", "example.com/gpu", "2", "hugepages-2Mi", "4Mi"), list("cpu", "1", "ephemeral-storage", "5Gi")),
			map[string]string{"count/pods": "1", "pods": "1", "cpu": "100m", "requests.cpu": "100m", "memory": "1Gi", "requests.memory": "1Gi",
				"requests.example.com/gpu": "2", "hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi", "limits.cpu": "1", "limits.ephemeral-storage": "5Gi"},
		},
		"a pod that has ended":         {ended, map[string]string{"count/pods": "1"}},
		"a pod that should be gone":    {stuck, map[string]string{"count/pods": "1"}},
		"service":                      {&corev1.Service{ObjectMeta: inNamespace}, map[string]string{"count/services": "1", "services": "1"}},
		"deployment":                   {&appsv1.Deployment{ObjectMeta: inNamespace}, map[string]string{"count/deployments.apps": "1"}},
		"config map":                   {&corev1.ConfigMap{ObjectMeta: inNamespace}, map[string]string{"count/configmaps": "1", "configmaps": "1"}},
		"custom resource":              {custom, map[string]string{"count/widgets.example.com": "1"}},
		"event":                        {&corev1.Event{ObjectMeta: inNamespace}, nil},
		"node":                         {&corev1.Node{}, nil},
		"nothing":                      {nil, nil},
		"an object that has no fields": {&metav1.Status{}, nil},
		"service of node ports": {
			&corev1.Service{ObjectMeta: inNamespace, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: ports}},
			map[string]string{"count/services": "1", "services": "1", "services.nodeports": "2"},
		},
		"load balancer without node ports but one": {
			&corev1.Service{ObjectMeta: inNamespace, Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeLoadBalancer, Ports: ports, AllocateLoadBalancerNodePorts: ptr.To(false)}},
			map[string]string{"count/services": "1", "services": "1", "services.loadbalancers": "1", "services.nodeports": "1"},
		},
		"claim": {
			&corev1.PersistentVolumeClaim{ObjectMeta: inNamespace, Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: ptr.To("fast"), Resources: corev1.VolumeResourceRequirements{Requests: list("storage", "3Gi")}}},
			map[string]string{"count/persistentvolumeclaims": "1", "persistentvolumeclaims": "1", "requests.storage": "3Gi",
				"fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1", "fast.storageclass.storage.k8s.io/requests.storage": "3Gi"},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, plainText(Usage(tc.obj))) })
	}
}

func TestMatches(t *testing.T) {
	bare, asking, dying := pod(nil, nil), pod(list("cpu", "1"), nil), pod(nil, nil)
	dying.Spec.ActiveDeadlineSeconds = ptr.To[int64](5)
	high := pod(nil, nil)
	high.Spec.PriorityClassName = "high"
	near := pod(nil, nil)
	near.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{PodAffinityTerm: corev1.PodAffinityTerm{Namespaces: []string{"b"}}}},
	}}
	gold := &corev1.PersistentVolumeClaim{ObjectMeta: inNamespace, Spec: corev1.PersistentVolumeClaimSpec{VolumeAttributesClassName: ptr.To("gold")}}

	scopes := func(s ...corev1.ResourceQuotaScope) *corev1.ResourceQuota {
		return &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Scopes: s}}
	}
	selector := func(s corev1.ResourceQuotaScope, op corev1.ScopeSelectorOperator, values ...string) *corev1.ResourceQuota {
		return &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{ScopeSelector: &corev1.ScopeSelector{
			MatchExpressions: []corev1.ScopedResourceSelectorRequirement{{ScopeName: s, Operator: op, Values: values}},
		}}}
	}
	const class = corev1.ResourceQuotaScopePriorityClass
	for name, tc := range map[string]struct {
		quota *corev1.ResourceQuota
		obj   runtime.Object
		want  bool
	}{
		"no scope":                     {scopes(), &corev1.Service{}, true},
		"a service is in no scope":     {scopes(corev1.ResourceQuotaScopeBestEffort), &corev1.Service{}, false},
		"best effort":                  {scopes(corev1.ResourceQuotaScopeBestEffort), bare, true},
		"not best effort":              {scopes(corev1.ResourceQuotaScopeNotBestEffort), bare, false},
		"asks for something":           {scopes(corev1.ResourceQuotaScopeNotBestEffort), asking, true},
		"terminating":                  {scopes(corev1.ResourceQuotaScopeTerminating), dying, true},
		"all scopes must hold":         {scopes(corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotBestEffort), dying, false},
		"not terminating":              {scopes(corev1.ResourceQuotaScopeNotTerminating), dying, false},
		"class in":                     {selector(class, corev1.ScopeSelectorOpIn, "high", "low"), high, true},
		"class not among":              {selector(class, corev1.ScopeSelectorOpIn, "low"), high, false},
		"no class is not among":        {selector(class, corev1.ScopeSelectorOpNotIn, "low"), bare, true},
		"class exists":                 {selector(class, corev1.ScopeSelectorOpExists), bare, false},
		"class does not exist":         {selector(class, corev1.ScopeSelectorOpDoesNotExist), bare, true},
		"a scope of a class means any": {scopes(class), high, true},
		"affinity to other namespaces": {scopes(corev1.ResourceQuotaScopeCrossNamespacePodAffinity), near, true},
		"claim of a class":             {selector(corev1.ResourceQuotaScopeVolumeAttributesClass, corev1.ScopeSelectorOpIn, "gold"), gold, true},
		"claim in a scope of pods":     {scopes(corev1.ResourceQuotaScopeBestEffort), gold, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Matches(tc.quota, tc.obj)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
	_, err := Matches(selector(class, "Near"), high)
	require.ErrorContains(t, err, `"Near" is no operator`)
}

func TestUnstated(t *testing.T) {
	q := &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: list("cpu", "1", "limits.memory", "1Gi", "pods", "3")}}
	require.EqualError(t, Unstated(q, pod(nil, nil)), "must specify cpu for: c; limits.memory for: c")
	require.EqualError(t, Unstated(q, pod(list("cpu", "1"), nil)), "must specify limits.memory for: c")
	require.NoError(t, Unstated(q, pod(list("cpu", "1"), list("memory", "1Gi"))))
	whole := pod(nil, nil)
	whole.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu", "1"), Limits: list("memory", "1Gi")}
	require.NoError(t, Unstated(q, whole))
}
