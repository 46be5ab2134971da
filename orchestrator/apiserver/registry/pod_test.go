package registry

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func object(t *testing.T, text string) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{}
	require.NoError(t, json.Unmarshal([]byte(text), d))
	return d
}

func TestQOSClass(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		l := corev1.ResourceList{}
		for name, text := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory} {
			if text != "" {
				l[name] = resource.MustParse(text)
			}
		}
		return l
	}
	container := func(requests, limits corev1.ResourceList) corev1.Container {
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}
	}
	full := container(list("1", "1Gi"), list("1", "1Gi"))
	for name, tc := range map[string]struct {
		containers []corev1.Container
		want       corev1.PodQOSClass
	}{
		"nothing":                  {[]corev1.Container{container(nil, nil)}, corev1.PodQOSBestEffort},
		"all, and equal":           {[]corev1.Container{full, full}, corev1.PodQOSGuaranteed},
		"limits alone":             {[]corev1.Container{container(nil, list("1", "1Gi"))}, corev1.PodQOSGuaranteed},
		"one container has none":   {[]corev1.Container{full, container(nil, nil)}, corev1.PodQOSBurstable},
		"less asked for than had":  {[]corev1.Container{container(list("1", "1Gi"), list("2", "1Gi"))}, corev1.PodQOSBurstable},
		"cpu alone":                {[]corev1.Container{container(list("1", ""), list("1", ""))}, corev1.PodQOSBurstable},
		"a request without limits": {[]corev1.Container{container(list("1", ""), nil)}, corev1.PodQOSBurstable},
	} {
		require.Equal(t, tc.want, qosClass(&corev1.Pod{Spec: corev1.PodSpec{Containers: tc.containers}}), name)
	}
}

func TestPodGrace(t *testing.T) {
	on := corev1.PodSpec{NodeName: "n", TerminationGracePeriodSeconds: new(int64(45))}
	for name, tc := range map[string]struct {
		pod     corev1.Pod
		seconds *int64
		want    int64
	}{
		"its own":        {corev1.Pod{Spec: on}, nil, 45},
		"the request's":  {corev1.Pod{Spec: on}, new(int64(5)), 5},
		"at once":        {corev1.Pod{Spec: on}, new(int64(0)), 0},
		"negative":       {corev1.Pod{Spec: on}, new(int64(-1)), 1},
		"no node":        {corev1.Pod{}, nil, 0},
		"it has ended":   {corev1.Pod{Spec: on, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}, nil, 0},
		"says nothing":   {corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}, nil, 30},
		"it has failed":  {corev1.Pod{Spec: on, Status: corev1.PodStatus{Phase: corev1.PodFailed}}, new(int64(9)), 0},
		"it runs at all": {corev1.Pod{Spec: on, Status: corev1.PodStatus{Phase: corev1.PodRunning}}, nil, 45},
	} {
		require.Equal(t, tc.want, podGrace(&tc.pod, &metav1.DeleteOptions{GracePeriodSeconds: tc.seconds}), name)
	}
}

func TestBound(t *testing.T) {
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{UID: "u", Annotations: map[string]string{"a": "b"}}, Target: corev1.ObjectReference{Name: "n"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u"}}
	got, err := bound(pod, binding)
	require.NoError(t, err)
	require.Equal(t, "n", got.Spec.NodeName)
	require.Equal(t, "b", got.Annotations["a"])
	require.Equal(t, corev1.ConditionTrue, got.Status.Conditions[0].Status)
	require.Empty(t, pod.Spec.NodeName, "the old one is as it was")

	now := metav1.Now()
	for name, change := range map[string]func(*corev1.Pod){
		"bound":         func(p *corev1.Pod) { p.Spec.NodeName = "other" },
		"going":         func(p *corev1.Pod) { p.DeletionTimestamp = &now },
		"gated":         func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}} },
		"another's uid": func(p *corev1.Pod) { p.UID = "v" },
	} {
		p := pod.DeepCopy()
		change(p)
		_, err := bound(p, binding)
		require.True(t, apierrors.IsConflict(err), "%s: %v", name, err)
	}
}

func TestContainerOf(t *testing.T) {
	pod := func(names ...string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
		for _, name := range names {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name})
		}
		return p
	}
	name, err := containerOf(pod("a"), "")
	require.NoError(t, err)
	require.Equal(t, "a", name)
	_, err = containerOf(pod("a", "b"), "")
	require.ErrorContains(t, err, "a container name must be specified for pod p, choose one of: [a b]")
	_, err = containerOf(pod("a"), "c")
	require.ErrorContains(t, err, "container c is not valid for pod p")
}

func TestMayDisrupt(t *testing.T) {
	allowed := &policyv1.PodDisruptionBudget{Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1}}
	require.NoError(t, mayDisrupt(allowed))
	none := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Status: policyv1.PodDisruptionBudgetStatus{DesiredHealthy: 2, CurrentHealthy: 2}}
	err := mayDisrupt(none)
	require.True(t, apierrors.IsTooManyRequests(err))
	require.ErrorContains(t, err, "Cannot evict pod as it would violate the pod's disruption budget.")
	stale := allowed.DeepCopy()
	stale.Generation = 1
	require.True(t, apierrors.IsTooManyRequests(mayDisrupt(stale)), "a budget that was just changed allows nothing yet")
}
