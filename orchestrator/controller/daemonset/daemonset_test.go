package daemonset

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func set(image string) *apps.DaemonSet {
	proxy := map[string]string{"app": "proxy"}
	return &apps.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "proxy", UID: "proxy-uid", Generation: 1, ResourceVersion: "1"},
		Spec: apps.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: proxy}, RevisionHistoryLimit: ptr.To(int32(10)),
			UpdateStrategy: apps.DaemonSetUpdateStrategy{
				Type:          apps.RollingUpdateDaemonSetStrategyType,
				RollingUpdate: &apps.RollingUpdateDaemonSet{MaxUnavailable: ptr.To(intstr.FromInt32(1))},
			},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: proxy},
				Spec:       v1.PodSpec{NodeSelector: map[string]string{"os": "linux"}, Containers: []v1.Container{{Name: "c", Image: image}}},
			},
		},
	}
}

func node(name string, taints ...v1.Taint) *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1", Labels: map[string]string{"os": "linux"}}, Spec: v1.NodeSpec{Taints: taints},
	}
}

// world is a cluster with a DaemonSet, its controller, and nodes on which pods work unless their image is "bad".
type world struct {
	*controllertest.Cluster
	t *testing.T
}

func start(t *testing.T, objects ...runtime.Object) *world {
	c := controllertest.New(t, objects...)
	c.Versions()
	c.RunPods(func(p *v1.Pod) bool { return p.Spec.Containers[0].Image != "bad" })
	c.Start(New(c.Env))
	return &world{Cluster: c, t: t}
}

func (w *world) set() *apps.DaemonSet {
	ds, err := w.Client.AppsV1().DaemonSets("ns").Get(context.Background(), "proxy", metav1.GetOptions{})
	require.NoError(w.t, err)
	return ds
}

func (w *world) change(f func(*apps.DaemonSet)) {
	w.t.Helper()
	w.Eventually(func() bool {
		ds := w.set()
		f(ds)
		_, err := w.Client.AppsV1().DaemonSets("ns").Update(context.Background(), ds, metav1.UpdateOptions{})
		return err == nil
	}, "update")
}

func (w *world) changeNode(name string, f func(*v1.Node)) {
	n, err := w.Client.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	f(n)
	_, err = w.Client.CoreV1().Nodes().Update(context.Background(), n, metav1.UpdateOptions{})
	require.NoError(w.t, err)
}

// on returns the nodes of the pods of an image, "" being all.
func (w *world) on(image string) []string {
	var nodes []string
	for _, p := range w.Pods(nil) {
		if image == "" || p.Spec.Containers[0].Image == image {
			nodes = append(nodes, nodeOf(&p))
		}
	}
	slices.Sort(nodes)
	return nodes
}

// done waits as kubectl rollout status does.
func (w *world) done() {
	w.t.Helper()
	w.Eventually(func() bool {
		ds := w.set()
		s := ds.Status
		return s.ObservedGeneration == ds.Generation && s.DesiredNumberScheduled > 0 &&
			s.UpdatedNumberScheduled == s.DesiredNumberScheduled && s.NumberAvailable == s.DesiredNumberScheduled
	}, "the rollout ends")
}

func image(to string) func(*apps.DaemonSet) {
	return func(ds *apps.DaemonSet) { ds.Spec.Template.Spec.Containers[0].Image = to }
}

func TestAPodOnEachNodeThatFits(t *testing.T) {
	windows := node("windows")
	windows.Labels["os"] = "windows"
	w := start(t, set("v1"), node("a"), windows,
		node("tainted", v1.Taint{Key: "mine", Effect: v1.TaintEffectNoSchedule}),
		node("ailing", v1.Taint{Key: v1.TaintNodeNotReady, Effect: v1.TaintEffectNoExecute}),
		node("cordoned", v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}))
	w.done()
	require.Equal(t, []string{"a", "ailing", "cordoned"}, w.on(""))
	w.Eventually(func() bool { return w.set().Status.NumberUnavailable == 0 }, "counted")
	require.Equal(t, apps.DaemonSetStatus{
		CurrentNumberScheduled: 3, DesiredNumberScheduled: 3, NumberReady: 3, NumberAvailable: 3, UpdatedNumberScheduled: 3, ObservedGeneration: 1,
	}, w.set().Status)

	pod := w.Pods(nil)[0]
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(set("v1"), kind)}, pod.OwnerReferences)
	require.Equal(t, controller.TemplateHash(&set("v1").Spec.Template, nil), pod.Labels["controller-revision-hash"])
	require.Equal(t, []v1.NodeSelectorTerm{{MatchFields: []v1.NodeSelectorRequirement{
		{Key: "metadata.name", Operator: v1.NodeSelectorOpIn, Values: []string{pod.Spec.NodeName}},
	}}}, pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms)
	var keys []string
	for _, tol := range pod.Spec.Tolerations {
		require.Equal(t, v1.TolerationOpExists, tol.Operator)
		keys = append(keys, strings.TrimPrefix(tol.Key, "node.kubernetes.io/")+":"+string(tol.Effect))
	}
	require.Equal(t, []string{
		"not-ready:NoExecute", "unreachable:NoExecute", "disk-pressure:NoSchedule", "memory-pressure:NoSchedule",
		"pid-pressure:NoSchedule", "unschedulable:NoSchedule",
	}, keys)
}

func TestNodesComeAndChange(t *testing.T) {
	ctx := context.Background()
	w := start(t, set("v1"), node("a"))
	w.done()
	_, err := w.Client.CoreV1().Nodes().Create(ctx, node("b"), metav1.CreateOptions{})
	require.NoError(t, err)
	w.Eventually(func() bool { return slices.Equal(w.on(""), []string{"a", "b"}) }, "a new node gets a pod")
	w.done()

	w.changeNode("a", func(n *v1.Node) { n.Spec.Taints = []v1.Taint{{Key: "mine", Effect: v1.TaintEffectNoSchedule}} })
	w.Eventually(func() bool {
		s := w.set().Status
		return s.NumberMisscheduled == 1 && s.DesiredNumberScheduled == 1
	}, "it would get no pod now")
	require.Equal(t, []string{"a", "b"}, w.on(""), "but keeps the one it has")
	w.changeNode("a", func(n *v1.Node) { n.Spec.Taints[0].Effect = v1.TaintEffectNoExecute })
	w.Eventually(func() bool { return slices.Equal(w.on(""), []string{"b"}) }, "and now it doesn't")
	w.changeNode("b", func(n *v1.Node) { n.Labels = nil })
	w.Eventually(func() bool { return len(w.on("")) == 0 }, "a node that fits no more")
}

func TestAPodThatWaitsForANodeThatIsGone(t *testing.T) {
	ds := set("bad") // its pods are never bound
	w := start(t, ds, node("a"))
	w.Eventually(func() bool { return slices.Equal(w.on("bad"), []string{"a"}) }, "a pod that waits")
	require.NoError(t, w.Client.CoreV1().Nodes().Delete(context.Background(), "a", metav1.DeleteOptions{}))
	w.Eventually(func() bool { return len(w.on("")) == 0 }, "no more")
}

// watchDeletions returns the least number of ready pods before a pod was deleted.
func (w *world) watchDeletions() *atomic.Int64 {
	var least atomic.Int64
	least.Store(1000)
	w.Fake.PrependReactor("delete", "pods", func(core.Action) (bool, runtime.Object, error) {
		least.Store(min(least.Load(), int64(len(w.Pods(controller.Ready)))))
		return false, nil, nil
	})
	return &least
}

func (w *world) revisions() map[string]int64 {
	list, err := w.Client.AppsV1().ControllerRevisions("ns").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	numbers := map[string]int64{}
	for _, rev := range list.Items {
		numbers[rev.Labels[apps.ControllerRevisionHashLabelKey]] = rev.Revision
	}
	return numbers
}

func TestARollingUpdateAndItsUndo(t *testing.T) {
	w := start(t, set("v1"), node("a"), node("b"), node("c"))
	w.done()
	least := w.watchDeletions()
	w.change(image("v2"))
	w.done()
	require.Equal(t, []string{"a", "b", "c"}, w.on("v2"))
	require.Len(t, w.on(""), 3)
	require.EqualValues(t, 3, least.Load(), "one at a time")

	w.change(image("v1"))
	w.done()
	require.Equal(t, []string{"a", "b", "c"}, w.on("v1"))
	first, second := set("v1").Spec.Template, set("v2").Spec.Template
	require.Equal(t, map[string]int64{controller.TemplateHash(&first, nil): 3, controller.TemplateHash(&second, nil): 2}, w.revisions())
}

func TestABadUpdateStopsAtMaxUnavailable(t *testing.T) {
	ds := set("v1")
	ds.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromString("50%"))
	w := start(t, ds, node("a"), node("b"), node("c"), node("d"))
	w.done()
	w.change(image("bad"))
	w.Eventually(func() bool { return len(w.on("bad")) == 2 && w.set().Status.NumberUnavailable == 2 }, "half of the nodes")
	require.Len(t, w.on("v1"), 2)
	w.change(image("v1"))
	w.done()
	require.Len(t, w.on("v1"), 4)
}

func TestASurgeHasTwoFirst(t *testing.T) {
	ds := set("v1")
	ds.Spec.UpdateStrategy.RollingUpdate = &apps.RollingUpdateDaemonSet{
		MaxSurge: ptr.To(intstr.FromString("50%")), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
	}
	w := start(t, ds, node("a"), node("b"))
	w.done()
	least := w.watchDeletions()
	w.change(image("bad"))
	w.Eventually(func() bool { return len(w.on("bad")) == 1 }, "one node has two")
	require.Len(t, w.on("v1"), 2)
	w.change(image("v2"))
	w.done()
	w.Eventually(func() bool { return len(w.on("")) == 2 && len(w.on("v2")) == 2 }, "one each again")
	require.GreaterOrEqual(t, least.Load(), int64(2))
}

func TestOnDelete(t *testing.T) {
	ds := set("v1")
	ds.Spec.UpdateStrategy = apps.DaemonSetUpdateStrategy{Type: apps.OnDeleteDaemonSetStrategyType}
	w := start(t, ds, node("a"), node("b"))
	w.done()
	w.change(image("v2"))
	w.Eventually(func() bool { s := w.set().Status; return s.ObservedGeneration == 2 && s.UpdatedNumberScheduled == 0 }, "seen")
	require.Len(t, w.on("v1"), 2)
	victim := w.Pods(nil)[0]
	require.NoError(t, w.Client.CoreV1().Pods("ns").Delete(context.Background(), victim.Name, metav1.DeleteOptions{}))
	w.Eventually(func() bool { return slices.Equal(w.on("v2"), []string{victim.Spec.NodeName}) }, "its successor is new")
	require.Len(t, w.on("v1"), 1)
}

func TestAPodThatFailsIsMadeAnewButNotAtOnce(t *testing.T) {
	w := start(t, set("v1"), node("a"))
	fail := func() string {
		w.done()
		pod := w.Pods(nil)[0]
		pod.Status.Phase, pod.Status.Conditions[0].Status = v1.PodFailed, v1.ConditionFalse
		_, err := w.Client.CoreV1().Pods("ns").UpdateStatus(context.Background(), &pod, metav1.UpdateOptions{})
		require.NoError(t, err)
		return pod.Name
	}
	name := fail()
	w.Eventually(func() bool { p := w.Pods(nil); return len(p) == 1 && p[0].Name != name }, "another")
	require.Contains(t, w.Events(), "Warning FailedDaemonPod Found failed daemon pod ns/"+name+" on node a, will try to kill it")
	name = fail()
	w.Eventually(func() bool { return w.set().Status.NumberReady == 0 }, "seen")
	require.Equal(t, name, w.Pods(nil)[0].Name)
	w.Clock.Step(2 * time.Second)
	w.Eventually(func() bool { p := w.Pods(nil); return len(p) == 1 && p[0].Name != name }, "later")
}

func TestHistoryIsCut(t *testing.T) {
	ds := set("v1")
	ds.Spec.RevisionHistoryLimit = ptr.To(int32(1))
	w := start(t, ds, node("a"))
	for _, v := range []string{"v2", "v3", "v4"} {
		w.done()
		w.change(image(v))
	}
	w.done()
	w.Eventually(func() bool { return len(w.revisions()) == 2 }, "the one in force and one before")
}

func TestAllPodsAreNotMeant(t *testing.T) {
	ds := set("v1")
	ds.Spec.Selector = &metav1.LabelSelector{}
	w := start(t, ds, node("a"))
	want := "Warning SelectingAll This daemon set is selecting all pods. A non-empty selector is required."
	w.Eventually(func() bool { return slices.Contains(w.Events(), want) }, "an event")
	require.Empty(t, w.Pods(nil))
}
