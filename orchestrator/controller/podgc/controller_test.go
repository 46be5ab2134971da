package podgc

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func pod(name, node string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{NodeName: node}}
	if change != nil {
		change(p)
	}
	return p
}

func deleting(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(controllertest.Epoch)) }

func endedAt(minute int) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodSucceeded
		p.CreationTimestamp = metav1.NewTime(controllertest.Epoch.Add(time.Duration(minute) * time.Minute))
	}
}

func node(name string, ready corev1.ConditionStatus, taints ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	for _, key := range taints {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute})
	}
	return n
}

func TestCollect(t *testing.T) {
	for name, tc := range map[string]struct {
		objects   []runtime.Object
		threshold int
		want      []string
	}{
		"the oldest that have ended": {
			[]runtime.Object{node("n", "True"), pod("c", "n", endedAt(3)), pod("a", "n", endedAt(1)), pod("b", "n", endedAt(2)), pod("runs", "n", nil)}, 1,
			[]string{"delete pods ns/a", "delete pods ns/b"}},
		"no threshold": {[]runtime.Object{node("n", "True"), pod("a", "n", endedAt(1))}, 0, nil},
		"deleted before it was placed": {[]runtime.Object{pod("a", "", deleting), pod("waits", "", nil)}, 9,
			[]string{"patch pods/status ns/a", "delete pods ns/a"}},
		"out of service": {
			[]runtime.Object{node("n", "Unknown", "node.kubernetes.io/out-of-service"), pod("a", "n", deleting), pod("stays", "n", nil)}, 9,
			[]string{"patch pods/status ns/a", "delete pods ns/a"}},
		"out of service but ready": {[]runtime.Object{node("n", "True", "node.kubernetes.io/out-of-service"), pod("a", "n", deleting)}, 9, nil},
		"only not ready":           {[]runtime.Object{node("n", "Unknown"), pod("a", "n", deleting)}, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := controllertest.New(t, tc.objects...)
			c := newController(s.Env, tc.threshold)
			s.Refresh()
			require.NoError(t, c.gc(t.Context()))
			require.Equal(t, tc.want, s.Writes())
		})
	}
}

func TestOrphans(t *testing.T) {
	s := controllertest.New(t, pod("a", "gone", nil), pod("done", "gone", endedAt(0)), pod("b", "late", nil), pod("c", "back", nil), node("late", "True"))
	var phase corev1.PodPhase
	var why []corev1.PodCondition
	s.Fake.PrependReactor("delete", "pods", func(a core.Action) (bool, runtime.Object, error) {
		if obj, err := s.Fake.Tracker().Get(a.GetResource(), "ns", "a"); err == nil {
			phase, why = obj.(*corev1.Pod).Status.Phase, obj.(*corev1.Pod).Status.Conditions
		}
		return false, nil, nil
	})
	c := newController(s.Env, 0)
	s.Refresh()
	indexer := s.Informers.Core().V1().Nodes().Informer().GetIndexer()
	require.NoError(t, indexer.Replace(nil, ""), "no node is shown")
	require.NoError(t, c.gc(t.Context()))
	s.Clock.Step(39 * time.Second)
	require.NoError(t, indexer.Add(node("back", "True")))
	require.NoError(t, c.gc(t.Context()))
	require.NoError(t, indexer.Replace(nil, ""))
	s.Clock.Step(time.Second)
	require.NoError(t, c.gc(t.Context()))
	writes := s.Writes()
	slices.Sort(writes)
	require.Equal(t, []string{"delete pods ns/a", "delete pods ns/done", "patch pods/status ns/a"}, writes)
	require.Equal(t, corev1.PodFailed, phase)
	require.Len(t, why, 1)
	require.Equal(t, "DisruptionTarget DeletionByPodGC PodGC: node no longer exists", string(why[0].Type)+" "+why[0].Reason+" "+why[0].Message)
}

func TestRun(t *testing.T) {
	s := controllertest.New(t, pod("a", "", deleting))
	s.Start(New(s.Env, 1))
	left := func() int {
		list, err := s.Fake.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		return len(list.Items)
	}
	s.Eventually(func() bool { return left() == 0 }, "collected at once")
	s.Eventually(s.Clock.HasWaiters, "waits")
}
