package nodelifecycle

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/testing"
	nodeutil "k8s.io/component-helpers/node/util"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newNode(name, zone string, ready v1.ConditionStatus) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{}}}
	if zone != "" {
		n.Labels[v1.LabelTopologyZone] = zone
	}
	for _, typ := range judged {
		status := v1.ConditionFalse
		if typ == v1.NodeReady {
			status = ready
		}
		n.Status.Conditions = append(n.Status.Conditions, v1.NodeCondition{
			Type: typ, Status: status, LastHeartbeatTime: metav1.NewTime(controllertest.Epoch),
		})
	}
	return n
}

func newLease(node string, renewed time.Time) *coordinationv1.Lease {
	at := metav1.NewMicroTime(renewed)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: v1.NamespaceNodeLease, Name: node},
		Spec:       coordinationv1.LeaseSpec{RenewTime: &at},
	}
}

func readyPod(name, node string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       v1.PodSpec{NodeName: node},
		Status:     v1.PodStatus{Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}},
	}
}

// world drives the monitor by hand.
type world struct {
	*controllertest.Cluster
	*monitor
	t *testing.T
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	c := controllertest.New(t, objects...)
	pods := newMarker(c.Env)
	return &world{Cluster: c, t: t, monitor: newMonitor(c.Env, Defaults(), func(node string, failing bool) {
		pods.mark(node, failing)
		require.NoError(t, pods.sync(context.Background(), node)) // at once: no loop runs here
	})}
}

// look makes one pass.
func (w *world) look() {
	w.t.Helper()
	w.Refresh()
	require.NoError(w.t, w.pass(context.Background()))
	w.Refresh()
}

// turn lets one node of each zone have its taint, if it is time.
func (w *world) turn() {
	w.t.Helper()
	require.NoError(w.t, w.evict(context.Background()))
	w.Refresh()
}

// step lets time go by while the named nodes renew their leases.
func (w *world) step(d time.Duration, alive ...string) {
	w.t.Helper()
	w.Cluster.Clock.Step(d)
	for _, name := range alive {
		leases := w.Fake.CoordinationV1().Leases(v1.NamespaceNodeLease)
		patch := fmt.Sprintf(`{"spec":{"renewTime":%q}}`, w.Cluster.Clock.Now().Format(metav1.RFC3339Micro))
		_, err := leases.Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if apierrors.IsNotFound(err) {
			_, err = leases.Create(context.Background(), newLease(name, w.Cluster.Clock.Now()), metav1.CreateOptions{})
		}
		require.NoError(w.t, err)
	}
}

func (w *world) get(name string) *v1.Node {
	w.t.Helper()
	n, err := w.Fake.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return n
}

func (w *world) pod(name string) *v1.Pod {
	w.t.Helper()
	p, err := w.Fake.CoreV1().Pods("default").Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return p
}

func taintsOf(n *v1.Node) []string {
	taints := []string{}
	for _, t := range n.Spec.Taints {
		taints = append(taints, t.Key+":"+string(t.Effect))
	}
	return taints
}

const (
	notReadyExecute    = v1.TaintNodeNotReady + ":NoExecute"
	unreachableExecute = v1.TaintNodeUnreachable + ":NoExecute"
)

func TestSilentNode(t *testing.T) {
	w := newWorld(t, newNode("a", "", v1.ConditionTrue), newNode("b", "", v1.ConditionTrue), readyPod("p", "a"), readyPod("q", "b"))
	w.look()
	require.Equal(t, []string{
		"Normal RegisteredNode Node a event: Registered Node a in Controller",
		"Normal RegisteredNode Node b event: Registered Node b in Controller",
	}, w.Events())

	w.step(40*time.Second, "b")
	w.look()
	require.Empty(t, w.Events(), "the grace period has not passed")
	require.Equal(t, v1.ConditionTrue, readiness(w.get("a")))

	w.step(time.Second, "b")
	w.look()
	require.Equal(t, []string{
		"Normal NodeNotReady Node a status is now: NodeNotReady",
		"Warning NodeNotReady Node is not ready",
	}, w.Events())
	a := w.get("a")
	for _, typ := range judged {
		_, c := nodeutil.GetNodeCondition(&a.Status, typ)
		require.Equal(t, v1.ConditionUnknown, c.Status, typ)
		require.Equal(t, "NodeStatusUnknown", c.Reason)
		require.Equal(t, "Kubelet stopped posting node status.", c.Message)
		require.True(t, c.LastTransitionTime.Time.Equal(w.Cluster.Clock.Now()))
	}
	require.False(t, controller.Ready(w.pod("p")))
	require.True(t, controller.Ready(w.pod("q")))

	w.turn()
	require.Equal(t, []string{unreachableExecute}, taintsOf(w.get("a")))
	require.True(t, w.get("a").Spec.Taints[0].TimeAdded.Time.Equal(w.Cluster.Clock.Now()))
	require.Empty(t, taintsOf(w.get("b")))

	// It posts its status again.
	back := newNode("a", "", v1.ConditionTrue)
	back.Spec.Taints = w.get("a").Spec.Taints
	back.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(w.Cluster.Clock.Now())
	_, err := w.Fake.CoreV1().Nodes().Update(context.Background(), back, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.look()
	require.Empty(t, taintsOf(w.get("a")))
}

func TestHeartbeats(t *testing.T) {
	t.Run("the node's clock may be wrong", func(t *testing.T) {
		old := controllertest.Epoch.Add(-24 * time.Hour)
		w := newWorld(t, newNode("a", "", v1.ConditionTrue), newLease("a", old))
		for i := range 20 {
			w.look()
			w.step(10 * time.Second)
			_, err := w.Fake.CoordinationV1().Leases(v1.NamespaceNodeLease).
				Update(context.Background(), newLease("a", old.Add(time.Duration(i+1)*time.Second)), metav1.UpdateOptions{})
			require.NoError(t, err)
		}
		require.Equal(t, v1.ConditionTrue, readiness(w.get("a")))
	})
	t.Run("the node's clock may be set back", func(t *testing.T) {
		lease := newLease("a", controllertest.Epoch)
		lease.UID = "lease"
		w := newWorld(t, newNode("a", "", v1.ConditionTrue), lease)
		w.look()
		w.step(41 * time.Second)
		leases := w.Fake.CoordinationV1().Leases(v1.NamespaceNodeLease)
		back := metav1.NewMicroTime(controllertest.Epoch.Add(-time.Hour))
		lease.Spec.RenewTime = &back
		_, err := leases.Update(context.Background(), lease, metav1.UpdateOptions{})
		require.NoError(t, err)
		w.look()
		require.Equal(t, v1.ConditionTrue, readiness(w.get("a")))

		// Another lease that is older still was restored by somebody. What comes after it is the kubelet's.
		w.step(41 * time.Second)
		older := newLease("a", controllertest.Epoch.Add(-2*time.Hour))
		older.UID = "restored"
		_, err = leases.Update(context.Background(), older, metav1.UpdateOptions{})
		require.NoError(t, err)
		w.look()
		require.Equal(t, v1.ConditionUnknown, readiness(w.get("a")))
	})
	t.Run("a node that never posted anything", func(t *testing.T) {
		w := newWorld(t, &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}})
		w.look()
		w.step(60 * time.Second)
		w.look()
		require.Empty(t, w.get("a").Status.Conditions)
		w.step(time.Second)
		w.look()
		_, c := nodeutil.GetNodeCondition(&w.get("a").Status, v1.NodeReady)
		require.NotNil(t, c)
		require.Equal(t, "NodeStatusNeverUpdated", c.Reason)
		require.Equal(t, "Kubelet never posted node status.", c.Message)
	})
	t.Run("a node that goes is forgotten", func(t *testing.T) {
		w := newWorld(t, newNode("a", "", v1.ConditionTrue))
		w.look()
		w.Events()
		require.NoError(t, w.Fake.CoreV1().Nodes().Delete(context.Background(), "a", metav1.DeleteOptions{}))
		w.look()
		require.Equal(t, []string{"Normal RemovingNode Node a event: Removing Node a from Controller"}, w.Events())
		require.Empty(t, w.known)
	})
	t.Run("a conflict is tried again", func(t *testing.T) {
		w := newWorld(t, newNode("a", "", v1.ConditionTrue))
		w.look()
		w.step(41 * time.Second)
		failed := false
		w.Fake.PrependReactor("update", "nodes", func(core.Action) (bool, runtime.Object, error) {
			if failed {
				return false, nil, nil
			}
			failed = true
			return true, nil, apierrors.NewConflict(v1.Resource("nodes"), "a", nil)
		})
		w.Refresh()
		require.True(t, apierrors.IsConflict(w.pass(context.Background())))
		w.look()
		require.Equal(t, v1.ConditionUnknown, readiness(w.get("a")))
	})
}

func TestNotReadyNode(t *testing.T) {
	w := newWorld(t, newNode("a", "", v1.ConditionFalse), newNode("b", "", v1.ConditionTrue), readyPod("p", "a"))
	w.look()
	w.turn()
	require.Equal(t, []string{notReadyExecute}, taintsOf(w.get("a")))
	require.False(t, controller.Ready(w.pod("p")))

	// A kubelet that speaks may say that its pod is ready: it is believed.
	_, err := w.Fake.CoreV1().Pods("default").UpdateStatus(context.Background(), readyPod("p", "a"), metav1.UpdateOptions{})
	require.NoError(t, err)
	w.look()
	require.True(t, controller.Ready(w.pod("p")))

	// When it falls silent one taint takes the place of the other, without waiting for a turn.
	w.step(41*time.Second, "b")
	w.look()
	require.Equal(t, []string{unreachableExecute}, taintsOf(w.get("a")))
}

func TestRateOfEvictions(t *testing.T) {
	w := newWorld(t,
		newNode("a1", "a", v1.ConditionFalse), newNode("a2", "a", v1.ConditionFalse), newNode("a3", "a", v1.ConditionTrue),
		newNode("b1", "b", v1.ConditionFalse), newNode("b2", "b", v1.ConditionTrue))
	w.look()
	w.turn()
	require.Equal(t, []string{notReadyExecute}, taintsOf(w.get("a1")))
	require.Empty(t, taintsOf(w.get("a2")), "one at a time")
	require.Equal(t, []string{notReadyExecute}, taintsOf(w.get("b1")), "a zone has a rate of its own")

	w.step(9 * time.Second)
	w.turn()
	require.Empty(t, taintsOf(w.get("a2")))
	w.step(time.Second)
	w.turn()
	require.Equal(t, []string{notReadyExecute}, taintsOf(w.get("a2")))
}

// What a pass has written is not in the cache when the turn of the node comes.
func TestEvictionBeforeTheCacheShowsTheVerdict(t *testing.T) {
	w := newWorld(t, newNode("a", "", v1.ConditionTrue), newNode("b", "", v1.ConditionTrue))
	w.look()
	w.step(41*time.Second, "b")
	w.Refresh()
	require.NoError(t, w.pass(context.Background()))
	w.turn()
	require.Equal(t, []string{unreachableExecute}, taintsOf(w.get("a")))
}

// A taint that cannot be written is not tried ten times a second, and does not keep others from their turn.
func TestFailedEvictionWaitsForTheNextPass(t *testing.T) {
	w := newWorld(t, newNode("a", "", v1.ConditionFalse), newNode("b", "", v1.ConditionFalse), newNode("c", "", v1.ConditionTrue))
	tries := 0
	w.Fake.PrependReactor("patch", "nodes", func(action core.Action) (bool, runtime.Object, error) {
		if patch, ok := action.(core.PatchAction); !ok || patch.GetName() != "a" {
			return false, nil, nil
		}
		tries++
		return tries == 1, nil, apierrors.NewConflict(v1.Resource("nodes"), "a", nil)
	})
	w.look()
	require.True(t, apierrors.IsConflict(w.evict(context.Background())))
	w.turn()
	require.Equal(t, 1, tries)
	require.Equal(t, []string{notReadyExecute}, taintsOf(w.get("b")))
	w.step(10*time.Second, "c")
	w.look()
	w.turn()
	require.Equal(t, []string{notReadyExecute}, taintsOf(w.get("a")))
}

// Writes take their time. A node whose pulse was taken before them is not silent for it.
func TestSlowWritesMakeNobodySilent(t *testing.T) {
	nodes := []runtime.Object{newNode("z", "", v1.ConditionTrue)}
	for i := range 2 * writers {
		nodes = append(nodes, newNode(fmt.Sprintf("a%02d", i), "", v1.ConditionTrue))
	}
	w := newWorld(t, nodes...)
	w.look()
	w.step(41*time.Second, "z")
	w.Refresh()
	w.Fake.PrependReactor("update", "nodes", func(core.Action) (bool, runtime.Object, error) {
		w.Cluster.Clock.Step(time.Minute)
		return false, nil, nil
	})
	require.NoError(t, w.pass(context.Background()))
	require.Equal(t, v1.ConditionUnknown, readiness(w.get("a00")))
	require.Equal(t, v1.ConditionTrue, readiness(w.get("z")))
}

// A node that is ready again is no reason to mark pods: its kubelet says how they are.
func TestMarkingLeavesOff(t *testing.T) {
	c := controllertest.New(t, readyPod("p", "a"))
	c.Refresh()
	pods := newMarker(c.Env)
	pods.mark("a", true)
	require.Equal(t, 1, pods.loop.Len())
	pods.mark("a", false)
	require.NoError(t, pods.sync(t.Context(), "a"))
	require.Empty(t, c.Writes())
	pods.mark("a", true)
	require.NoError(t, pods.sync(t.Context(), "a"))
	require.Len(t, c.Writes(), 1)
}

func TestZones(t *testing.T) {
	nodes := func(zone string, ready, failing int) []runtime.Object {
		var objs []runtime.Object
		for i := range ready + failing {
			status := v1.ConditionTrue
			if i >= ready {
				status = v1.ConditionFalse
			}
			objs = append(objs, newNode(fmt.Sprintf("%s%d", zone, i), zone, status))
		}
		return objs
	}
	for name, c := range map[string]struct {
		objects []runtime.Object
		state   state
		rate    float32
	}{
		"healthy":                       {nodes("z", 3, 0), normal, 0.1},
		"two of three fail":             {nodes("z", 1, 2), normal, 0.1},
		"three of four fail":            {nodes("z", 1, 3), partialDisruption, 0},
		"most of a large one fail":      {nodes("z", 11, 40), partialDisruption, 0.01},
		"all fail, another zone is up":  {append(nodes("z", 0, 3), nodes("y", 1, 0)...), fullDisruption, 0.1},
		"less than the threshold fails": {nodes("z", 5, 4), normal, 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.objects...)
			w.look()
			z := w.zones[":\x00:z"]
			require.Equal(t, c.state, z.state)
			require.InDelta(t, c.rate, z.rate, 1e-6)
			require.False(t, w.lost)
		})
	}
}

func TestEverythingLost(t *testing.T) {
	w := newWorld(t, newNode("a", "", v1.ConditionTrue), newNode("b", "", v1.ConditionTrue))
	w.look()
	w.step(41*time.Second, "b")
	w.look()
	w.turn()
	require.Equal(t, []string{unreachableExecute}, taintsOf(w.get("a")))
	w.step(41 * time.Second)
	w.look()
	w.turn()
	require.True(t, w.lost)
	require.Empty(t, taintsOf(w.get("a")), "pods stay where they are when no node is left")
	require.Empty(t, taintsOf(w.get("b")))

	// One comes back: the other has a full pause before its pods go.
	b := newNode("b", "", v1.ConditionTrue)
	b.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(w.Cluster.Clock.Now())
	_, err := w.Fake.CoreV1().Nodes().Update(context.Background(), b, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.look()
	w.turn()
	require.Empty(t, taintsOf(w.get("a")))
	w.step(10*time.Second, "b")
	w.turn()
	require.Equal(t, []string{unreachableExecute}, taintsOf(w.get("a")))
}

func TestExcludedFromDisruption(t *testing.T) {
	failing := newNode("a", "", v1.ConditionFalse)
	failing.Labels[labelExcludeDisruption] = ""
	w := newWorld(t, failing, newNode("b", "", v1.ConditionTrue))
	w.look()
	require.Equal(t, 1, len(w.zones))
	require.Equal(t, normal, w.zones[""].state)
}

func TestRun(t *testing.T) {
	node := newNode("a", "", v1.ConditionTrue)
	c := controllertest.New(t, node, newNode("b", "", v1.ConditionTrue), readyPod("p", "a"))
	c.Versions()
	c.Start(New(c.Env, Defaults()))
	w := &world{Cluster: c, t: t}
	c.Eventually(func() bool {
		w.step(time.Second, "b")
		return len(taintsOf(w.get("a"))) == 2
	}, "a node that is silent has both taints")
	c.Eventually(func() bool { return !controller.Ready(w.pod("p")) }, "its pods are not ready, which another loop writes")
	require.ElementsMatch(t, []string{v1.TaintNodeUnreachable + ":NoSchedule", unreachableExecute}, taintsOf(w.get("a")))
	require.Empty(t, taintsOf(w.get("b")))
}
