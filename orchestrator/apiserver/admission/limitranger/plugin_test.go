package limitranger

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

// list makes a list of pairs.
func list(pairs ...string) corev1.ResourceList {
	var l corev1.ResourceList
	for i := 0; i < len(pairs); i += 2 {
		if l == nil {
			l = corev1.ResourceList{}
		}
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func rangeOf(items ...corev1.LimitRangeItem) *corev1.LimitRange {
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "r"}, Spec: corev1.LimitRangeSpec{Limits: items}}
}

func container(name string, requests, limits corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}
}

func pod(containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Containers: containers}}
}

func claim(size string) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c"}}
	if size != "" {
		c.Spec.Resources.Requests = list("storage", size)
	}
	return c
}

func TestDefaults(t *testing.T) {
	p := New()
	admissiontest.Start(t, p, rangeOf(corev1.LimitRangeItem{
		Type: corev1.LimitTypeContainer, Default: list("cpu", "1", "memory", "1Gi"), DefaultRequest: list("cpu", "100m"),
	}))
	got := pod(container("bare", nil, nil), container("own", list("cpu", "2"), list("cpu", "2")))
	got.Spec.InitContainers = []corev1.Container{container("init", list("cpu", "1"), nil)}
	require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: got}))
	require.Equal(t, []corev1.Container{
		container("bare", list("cpu", "100m"), list("cpu", "1", "memory", "1Gi")), container("own", list("cpu", "2"), list("cpu", "2", "memory", "1Gi")),
	}, got.Spec.Containers)
	require.Equal(t, []corev1.Container{container("init", list("cpu", "1"), list("cpu", "1", "memory", "1Gi"))}, got.Spec.InitContainers)
	require.Equal(t, map[string]string{"kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container bare; cpu, memory limit for container bare; " +
		"memory limit for container own; cpu, memory limit for init container init"}, got.Annotations)
}

func TestLimits(t *testing.T) {
	type item = corev1.LimitRangeItem
	const ofContainer, ofPod, ofClaim = corev1.LimitTypeContainer, corev1.LimitTypePod, corev1.LimitTypePersistentVolumeClaim
	sized := func(requests, limits corev1.ResourceList) runtime.Object {
		return pod(container("c", requests, limits))
	}
	initPod := pod(container("a", nil, list("cpu", "1")), container("b", nil, list("cpu", "1")))
	initPod.Spec.InitContainers = []corev1.Container{container("i", nil, list("cpu", "2"))}
	for name, tc := range map[string]struct {
		item item
		obj  runtime.Object
		want string
	}{
		"max kept":         {item{Type: ofContainer, Max: list("cpu", "1")}, sized(list("cpu", "1"), list("cpu", "1")), ""},
		"max, limit":       {item{Type: ofContainer, Max: list("cpu", "1")}, sized(nil, list("cpu", "2")), "maximum cpu usage per Container is 1, but limit is 2"},
		"max, request":     {item{Type: ofContainer, Max: list("cpu", "1")}, sized(list("cpu", "1001m"), list("cpu", "1")), "maximum cpu usage per Container is 1, but request is 1001m"},
		"max, no limit":    {item{Type: ofContainer, Max: list("cpu", "1")}, sized(nil, nil), "maximum cpu usage per Container is 1.  No limit is specified"},
		"min kept":         {item{Type: ofContainer, Min: list("cpu", "1")}, sized(list("cpu", "1"), nil), ""},
		"min, request":     {item{Type: ofContainer, Min: list("cpu", "1")}, sized(list("cpu", "500m"), nil), "minimum cpu usage per Container is 1, but request is 500m"},
		"min, limit":       {item{Type: ofContainer, Min: list("cpu", "1")}, sized(list("cpu", "1"), list("cpu", "500m")), "minimum cpu usage per Container is 1, but limit is 500m"},
		"min, no request":  {item{Type: ofContainer, Min: list("cpu", "1")}, sized(nil, nil), "minimum cpu usage per Container is 1.  No request is specified"},
		"ratio kept":       {item{Type: ofContainer, MaxLimitRequestRatio: list("cpu", "2")}, sized(list("cpu", "1"), list("cpu", "2")), ""},
		"ratio":            {item{Type: ofContainer, MaxLimitRequestRatio: list("cpu", "2")}, sized(list("cpu", "1"), list("cpu", "3")), "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"},
		"ratio just kept":  {item{Type: ofContainer, MaxLimitRequestRatio: list("cpu", "1.1")}, sized(list("cpu", "300m"), list("cpu", "330m")), ""},
		"ratio, nothing":   {item{Type: ofContainer, MaxLimitRequestRatio: list("cpu", "2")}, sized(nil, nil), "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"},
		"ratio, no limit":  {item{Type: ofContainer, MaxLimitRequestRatio: list("cpu", "2")}, sized(list("cpu", "1"), nil), "but no limit is specified or limit is 0"},
		"pod":              {item{Type: ofPod, Max: list("cpu", "1")}, pod(container("a", nil, list("cpu", "1")), container("b", nil, list("cpu", "1"))), "maximum cpu usage per Pod is 1, but limit is 2"},
		"pod, init":        {item{Type: ofPod, Max: list("cpu", "2")}, initPod, ""},
		"claim":            {item{Type: ofClaim, Min: list("storage", "1Gi"), Max: list("storage", "2Gi")}, claim("2Gi"), ""},
		"claim too small":  {item{Type: ofClaim, Min: list("storage", "1Gi")}, claim("1Mi"), "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"},
		"claim too large":  {item{Type: ofClaim, Max: list("storage", "1Gi")}, claim("2Gi"), "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"},
		"claim of nothing": {item{Type: ofClaim, Max: list("storage", "1Gi")}, claim(""), "maximum storage usage per PersistentVolumeClaim is 1Gi.  No request is specified"},
		"all reasons": {
			item{Type: ofContainer, Max: list("cpu", "1", "memory", "1Mi")}, sized(nil, list("cpu", "2", "memory", "2Mi")),
			"[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Mi, but limit is 2Mi]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := New()
			admissiontest.Start(t, p, rangeOf(tc.item))
			err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: tc.obj})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// What was there before the range may be changed, except in what it limits.
func TestUpdates(t *testing.T) {
	p := New()
	admissiontest.Start(t, p, rangeOf(
		corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("cpu", "1"), Default: list("cpu", "1")},
		corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Max: list("storage", "1Gi")},
	))
	ctx, big := context.Background(), pod(container("c", nil, list("cpu", "2")))
	require.NoError(t, admissiontest.Send(ctx, p, admissiontest.Request{Object: big, Old: big}))
	require.NoError(t, admissiontest.Send(ctx, p, admissiontest.Request{Object: claim("2Gi"), Old: claim("2Gi")}))
	require.ErrorContains(t, admissiontest.Send(ctx, p, admissiontest.Request{Object: claim("3Gi"), Old: claim("2Gi")}), "request is 3Gi")
}

func TestLooksPastTheCache(t *testing.T) {
	p := New()
	admissiontest.Start(t, p)
	p.SetExternalKubeClientSet(fake.NewClientset(rangeOf(corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("cpu", "1")})))
	err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod(container("c", nil, list("cpu", "2")))})
	require.ErrorContains(t, err, "limit is 2")
}
