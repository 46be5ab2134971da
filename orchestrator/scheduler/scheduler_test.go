package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
)

// rig is a scheduler that runs against a fake apiserver, with a clock that stands still.
type rig struct {
	t      *testing.T
	client *fake.Clientset
	clock  *testclock.FakeClock
	sched  *Scheduler
	reg    *prometheus.Registry

	mu     sync.Mutex
	events []string
	refuse func(pod, node string) error // lets a binding fail
	silent bool                         // bindings are accepted, and no informer hears of them
}

func start(t *testing.T, objs ...runtime.Object) *rig {
	t.Helper()
	r, f := newRig(t, objs...)
	ctx, cancel := context.WithCancel(t.Context())
	f.Start(ctx.Done())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.sched.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		f.Shutdown()
	})
	return r
}

// newRig makes a scheduler that doesn't run yet, and what it would be told by.
func newRig(t *testing.T, objs ...runtime.Object) (*rig, informers.SharedInformerFactory) {
	t.Helper()
	r := &rig{t: t, client: fake.NewClientset(objs...), clock: testclock.NewFakeClock(time.Unix(1_000_000, 0)), reg: prometheus.NewRegistry()}
	r.client.PrependReactor("create", "pods", r.bind)
	metrics, err := NewMetrics(r.reg)
	require.NoError(t, err)
	f := informers.NewSharedInformerFactory(r.client, 0)
	r.sched, err = New(Config{
		Client: r.client, Informers: f, Events: recorder{r: r}, Clock: r.clock, Rand: rand.New(rand.NewPCG(1, 2)), Metrics: metrics,
	})
	require.NoError(t, err)
	return r, f
}

// bind does what the apiserver does with a binding.
func (r *rig) bind(a clienttesting.Action) (bool, runtime.Object, error) {
	if a.GetSubresource() != "binding" {
		return false, nil, nil
	}
	b := a.(clienttesting.CreateAction).GetObject().(*v1.Binding)
	r.mu.Lock()
	refuse, silent := r.refuse, r.silent
	r.mu.Unlock()
	if refuse != nil {
		if err := refuse(b.Name, b.Target.Name); err != nil {
			return true, nil, err
		}
	}
	if silent {
		return true, b, nil
	}
	obj, err := r.client.Tracker().Get(a.GetResource(), b.Namespace, b.Name)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*v1.Pod).DeepCopy()
	pod.Spec.NodeName = b.Target.Name
	return true, b, r.client.Tracker().Update(a.GetResource(), pod, b.Namespace)
}

// recorder writes events down.
type recorder struct {
	record.EventRecorder
	r *rig
}

func (w recorder) Event(o runtime.Object, _, reason, message string) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.events = append(w.r.events, fmt.Sprintf("%s %s: %s", o.(*v1.Pod).Name, reason, message))
}

func (w recorder) Eventf(o runtime.Object, kind, reason, format string, args ...any) {
	w.Event(o, kind, reason, fmt.Sprintf(format, args...))
}

func (r *rig) add(pods ...*v1.Pod) {
	r.t.Helper()
	for _, p := range pods {
		_, err := r.client.CoreV1().Pods(p.Namespace).Create(r.t.Context(), p, metav1.CreateOptions{})
		require.NoError(r.t, err)
	}
}

func (r *rig) pod(name string) *v1.Pod {
	r.t.Helper()
	p, err := r.client.CoreV1().Pods("default").Get(r.t.Context(), name, metav1.GetOptions{})
	require.NoError(r.t, err)
	return p
}

func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	require.Eventually(r.t, f, 10*time.Second, time.Millisecond, what)
}

func (r *rig) onNode(pod, node string) {
	r.t.Helper()
	r.eventually(pod+" on "+node, func() bool { return r.pod(pod).Spec.NodeName == node })
}

func (r *rig) event(text string) {
	r.t.Helper()
	r.eventually("event "+text, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if e == text {
				return true
			}
		}
		return false
	})
}

// condition waits until the pod's PodScheduled is false for a reason.
func (r *rig) condition(pod, reason, message string) {
	r.t.Helper()
	r.eventually(pod+" is "+reason, func() bool {
		c := podScheduled(r.pod(pod))
		return c != nil && c.Status == v1.ConditionFalse && c.Reason == reason && c.Message == message
	})
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	r.clock.Step(d)
	r.sched.queue.Flush()
}

func makeNode(name string, with ...func(*v1.Node)) *v1.Node {
	n := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
		Status: v1.NodeStatus{Allocatable: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("8Gi"), v1.ResourcePods: resource.MustParse("110"),
		}},
	}
	for _, f := range with {
		f(n)
	}
	return n
}

func tainted(key string) func(*v1.Node) {
	return func(n *v1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, v1.Taint{Key: key, Effect: v1.TaintEffectNoSchedule})
	}
}

func makePod(name, cpu string, with ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name + "-uid")},
		Spec: v1.PodSpec{
			SchedulerName: Name,
			Containers: []v1.Container{{Name: "c", Image: "app", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
				v1.ResourceCPU: resource.MustParse(cpu),
			}}}},
		},
	}
	for _, f := range with {
		f(p)
	}
	return p
}

func priority(n int32) func(*v1.Pod) { return func(p *v1.Pod) { p.Spec.Priority = &n } }

func on(node string) func(*v1.Pod) { return func(p *v1.Pod) { p.Spec.NodeName = node } }

func labeled(key, value string) func(*v1.Pod) {
	return func(p *v1.Pod) { p.Labels = map[string]string{key: value} }
}

func TestAPodGetsTheEmptierNode(t *testing.T) {
	r := start(t, makeNode("a"), makeNode("b"), makePod("old", "3", on("a")))
	r.add(makePod("p", "1"))
	r.onNode("p", "b")
	r.event("p Scheduled: Successfully assigned default/p to b")
	r.eventually("counted", func() bool {
		return testutil.ToFloat64(r.sched.metrics.attempts.WithLabelValues(Name, resultScheduled)) == 1
	})
}

func TestARefusalNamesAReasonForEachNode(t *testing.T) {
	r := start(t, makeNode("a"), makeNode("b", tainted("x")), makeNode("c", tainted("y")))
	r.add(makePod("p", "5", func(p *v1.Pod) { p.Spec.Tolerations = []v1.Toleration{{Key: "x", Operator: v1.TolerationOpExists}} }))
	message := "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. " +
		"preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
	r.event("p FailedScheduling: " + message)
	r.condition("p", v1.PodReasonUnschedulable, message)
	require.NoError(t, testutil.GatherAndCompare(r.reg, strings.NewReader(`
		# HELP scheduler_pending_pods Pods that wait for a node, by what they wait for.
		# TYPE scheduler_pending_pods gauge
		scheduler_pending_pods{queue="active"} 0
		scheduler_pending_pods{queue="backoff"} 0
		scheduler_pending_pods{queue="gated"} 0
		scheduler_pending_pods{queue="unschedulable"} 1
	`), "scheduler_pending_pods"))
}

func TestWithoutNodes(t *testing.T) {
	r := start(t)
	r.add(makePod("p", "1"))
	r.condition("p", v1.PodReasonUnschedulable, "no nodes available to schedule pods")
	_, err := r.client.CoreV1().Nodes().Create(t.Context(), makeNode("a"), metav1.CreateOptions{})
	require.NoError(t, err)
	r.eventually("node seen", func() bool { return r.sched.queue.Counts()["backoff"] == 1 })
	r.pass(time.Second)
	r.onNode("p", "a")
}

func TestAPodThatLeavesLetsAnotherIn(t *testing.T) {
	r := start(t, makeNode("a"), makePod("old", "3", on("a")))
	r.add(makePod("p", "2"))
	r.condition("p", v1.PodReasonUnschedulable, "0/1 nodes are available: 1 Insufficient cpu. "+
		"preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.")
	require.NoError(t, r.client.CoreV1().Pods("default").Delete(t.Context(), "old", metav1.DeleteOptions{}))
	r.eventually("woken", func() bool { return r.sched.queue.Counts()["backoff"] == 1 })
	r.pass(time.Second)
	r.onNode("p", "a")
}

func TestGates(t *testing.T) {
	r := start(t, makeNode("a"))
	r.add(makePod("p", "1", func(p *v1.Pod) { p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "x"}} }))
	r.condition("p", v1.PodReasonSchedulingGated, "Scheduling is blocked due to non-empty scheduling gates")
	r.pass(10 * time.Minute)
	require.Empty(t, r.pod("p").Spec.NodeName)
	p := r.pod("p")
	p.Spec.SchedulingGates = nil
	_, err := r.client.CoreV1().Pods("default").Update(t.Context(), p, metav1.UpdateOptions{})
	require.NoError(t, err)
	r.onNode("p", "a")
}

func TestPodsOfOthersAreLeftAlone(t *testing.T) {
	r := start(t, makeNode("a"))
	r.add(makePod("theirs", "1", func(p *v1.Pod) { p.Spec.SchedulerName = "another" }), makePod("ours", "1"))
	r.onNode("ours", "a")
	require.Empty(t, r.pod("theirs").Spec.NodeName)
}

func TestABoundPodCountsBeforeTheInformerShowsIt(t *testing.T) {
	r := start(t, makeNode("a"))
	r.mu.Lock()
	r.silent = true
	r.mu.Unlock()
	r.add(makePod("first", "3"))
	r.event("first Scheduled: Successfully assigned default/first to a")
	r.add(makePod("second", "2"))
	r.condition("second", v1.PodReasonUnschedulable, "0/1 nodes are available: 1 Insufficient cpu. "+
		"preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.")
}

func TestABindingThatFailsIsTriedAgain(t *testing.T) {
	r := start(t, makeNode("a"))
	r.mu.Lock()
	r.refuse = func(_, _ string) error { return fmt.Errorf("not today") }
	r.mu.Unlock()
	r.add(makePod("p", "3"))
	r.event("p FailedScheduling: binding rejected: not today")
	r.condition("p", v1.PodReasonSchedulerError, "binding rejected: not today")
	r.mu.Lock()
	r.refuse = nil
	r.mu.Unlock()
	r.pass(time.Second) // the 3 CPUs of the first attempt are free again, or it would not fit
	r.onNode("p", "a")
}

func TestPreemption(t *testing.T) {
	r := start(t, makeNode("a"), makeNode("b"),
		makePod("low", "4", on("a"), priority(1)), makePod("mid", "4", on("b"), priority(5)))
	r.add(makePod("high", "2", priority(10)))
	r.eventually("nominated", func() bool { return r.pod("high").Status.NominatedNodeName == "a" })
	r.event("low Preempted: Preempted by pod high-uid on node a")
	r.event("high FailedScheduling: 0/2 nodes are available: 2 Insufficient cpu.")
	r.eventually("woken", func() bool { return r.sched.queue.Counts()["backoff"] == 1 })
	r.pass(time.Second)
	r.onNode("high", "a")
	require.Equal(t, "b", r.pod("mid").Spec.NodeName)
	require.True(t, r.patched("low", v1.PodReasonPreemptionByScheduler))
}

// patched tells that a status was patched with some text.
func (r *rig) patched(pod, text string) bool {
	for _, a := range r.client.Actions() {
		p, ok := a.(clienttesting.PatchAction)
		if ok && p.GetName() == pod && p.GetSubresource() == "status" && strings.Contains(string(p.GetPatch()), text) {
			return true
		}
	}
	return false
}

func TestWhoMayNotPreempt(t *testing.T) {
	never := v1.PreemptNever
	r := start(t, makeNode("a"), makePod("low", "4", on("a"), priority(1)))
	r.add(makePod("high", "2", priority(10), func(p *v1.Pod) { p.Spec.PreemptionPolicy = &never }))
	r.condition("high", v1.PodReasonUnschedulable, "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.")
}

// What high made room for may not be taken by low, which is tried while the victim is on its way out.
func TestNominatedRoomIsKept(t *testing.T) {
	terminating := makePod("victim", "4", on("a"), priority(1), func(p *v1.Pod) { p.Finalizers = []string{"x/y"} })
	r := start(t, makeNode("a"), terminating)
	r.client.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		pods := v1.SchemeGroupVersion.WithResource("pods")
		obj, err := r.client.Tracker().Get(pods, "default", "victim")
		if err != nil {
			return true, nil, err
		}
		p := obj.(*v1.Pod).DeepCopy()
		p.DeletionTimestamp = &metav1.Time{Time: r.clock.Now()}
		return true, nil, r.client.Tracker().Update(pods, p, "default")
	})
	r.add(makePod("high", "3", priority(10)))
	r.eventually("nominated", func() bool { return r.pod("high").Status.NominatedNodeName == "a" })
	r.event("victim Preempted: Preempted by pod high-uid on node a")
	require.NoError(t, r.client.Tracker().Delete(v1.SchemeGroupVersion.WithResource("pods"), "default", "victim"))
	r.eventually("room", func() bool { return r.sched.queue.Counts()["backoff"] == 1 })
	r.add(makePod("low", "2", priority(2)))
	r.condition("low", v1.PodReasonUnschedulable, "0/1 nodes are available: 1 Insufficient cpu. "+
		"preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.")
	r.pass(time.Second)
	r.onNode("high", "a")
}

func TestVolumes(t *testing.T) {
	wait := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "local"}, Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &wait}
	made := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "made"}, Provisioner: "x/y", VolumeBindingMode: &wait}
	claim := func(name, class string) *v1.PersistentVolumeClaim {
		return &v1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)},
			Spec: v1.PersistentVolumeClaimSpec{
				StorageClassName: &class, AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
				Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
			},
		}
	}
	pv := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "disk"},
		Spec: v1.PersistentVolumeSpec{
			StorageClassName: "local", AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Capacity: v1.ResourceList{v1.ResourceStorage: resource.MustParse("2Gi")},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{"b"}}},
			}}}},
		},
		Status: v1.PersistentVolumeStatus{Phase: v1.VolumeAvailable},
	}
	uses := func(claim string) func(*v1.Pod) {
		return func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{
				PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
		}
	}
	r := start(t, makeNode("a"), makeNode("b"), class, made, pv, claim("data", "local"), claim("new", "made"), claim("now", "none"))
	// bound does what the volume controller does.
	bound := func(name, volume string) {
		c, err := r.client.CoreV1().PersistentVolumeClaims("default").Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		c.Spec.VolumeName, c.Status.Phase = volume, v1.ClaimBound
		_, err = r.client.CoreV1().PersistentVolumeClaims("default").Update(t.Context(), c, metav1.UpdateOptions{})
		require.NoError(t, err)
	}

	r.add(makePod("p", "1", uses("data")))
	r.eventually("claimed", func() bool {
		v, err := r.client.CoreV1().PersistentVolumes().Get(t.Context(), "disk", metav1.GetOptions{})
		return err == nil && v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Name == "data"
	})
	require.Empty(t, r.pod("p").Spec.NodeName, "its volume isn't bound yet")
	bound("data", "disk")
	r.eventually("bound", func() bool { r.clock.Step(time.Second); return r.pod("p").Spec.NodeName == "b" })

	r.add(makePod("q", "1", uses("new"), func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{v1.LabelHostname: "a"} }))
	r.eventually("node selected", func() bool {
		c, err := r.client.CoreV1().PersistentVolumeClaims("default").Get(t.Context(), "new", metav1.GetOptions{})
		return err == nil && c.Annotations["volume.kubernetes.io/selected-node"] == "a"
	})

	r.add(makePod("early", "1", uses("now")), makePod("lost", "1", uses("nowhere")))
	r.condition("early", v1.PodReasonUnschedulable, "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. "+
		"preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.")
	r.condition("lost", v1.PodReasonUnschedulable, `0/2 nodes are available: persistentvolumeclaim "nowhere" not found. `+
		"preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.")
}

func TestBudgetsAreRespected(t *testing.T) {
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "default"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}},
	}
	r := start(t, makeNode("a"), makeNode("b"), budget,
		makePod("db", "4", on("a"), priority(1), labeled("app", "db")), makePod("web", "4", on("b"), priority(5)))
	r.add(makePod("high", "2", priority(10)))
	r.event("web Preempted: Preempted by pod high-uid on node b")
}

func TestMessagesAreCut(t *testing.T) {
	long := truncate(strings.Repeat("é", maxMessage))
	require.LessOrEqual(t, len(long), maxMessage)
	require.True(t, strings.HasSuffix(long, " ..."))
	_, err := json.Marshal(long)
	require.NoError(t, err)
}
