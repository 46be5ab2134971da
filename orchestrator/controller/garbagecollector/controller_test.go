package garbagecollector

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/testing"
)

const (
	background = metav1.DeletePropagationBackground
	foreground = metav1.DeletePropagationForeground
	orphan     = metav1.DeletePropagationOrphan
)

// settled waits until the graph holds what the apiserver has.
func (w *world) settled() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		if !w.c.started.Load() || !w.c.monitors.Synced() || w.c.loop.Len() > 0 {
			return false
		}
		w.c.graph.mu.RLock()
		defer w.c.graph.mu.RUnlock()
		return len(w.c.graph.nodes) == len(w.state())
	}, 3*time.Second, 5*time.Millisecond)
}

func TestDeletions(t *testing.T) {
	chain := []string{"deployments/d", "replicasets/r <- deployments/d!", "pods/p <- replicasets/r!", "pods/q <- replicasets/r!"}
	for name, tc := range map[string]struct {
		objects []string
		delete  string
		how     metav1.DeletionPropagation
		want    []string
	}{
		"background deletes the whole tree": {chain, "deployments/d", background, nil},
		"foreground deletes the whole tree": {chain, "deployments/d", foreground, nil},
		"orphan leaves the next level without an owner": {chain, "deployments/d", orphan,
			[]string{"replicasets/r", "pods/p <- replicasets/r", "pods/q <- replicasets/r"}},
		"an object with another owner stays and loses the one that goes": {
			[]string{"replicasets/a", "replicasets/b", "pods/p <- replicasets/a replicasets/b"}, "replicasets/a", background,
			[]string{"replicasets/b", "pods/p <- replicasets/b"}},
		"foreground does not wait for an object with another owner": {
			[]string{"replicasets/a", "replicasets/b", "pods/p <- replicasets/a! replicasets/b!"}, "replicasets/a", foreground,
			[]string{"replicasets/b", "pods/p <- replicasets/b"}},
		"foreground does not wait where it is not blocked": {
			[]string{"replicasets/r", "pods/p <- replicasets/r"}, "replicasets/r", foreground, nil},
		"foreground gets through a circle": {
			[]string{"replicasets/a <- replicasets/b!", "replicasets/b <- replicasets/a!"}, "replicasets/a", foreground, nil},
		"a cluster-scoped owner": {[]string{"nodes/n", "pods/p <- nodes/n"}, "nodes/n", background, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(tc.objects...)
			w.run()
			w.settled()
			w.userDeletes(tc.delete, tc.how)
			w.becomes(tc.want...)
		})
	}
}

func TestForegroundOrder(t *testing.T) {
	w := newWorld(t)
	w.add("deployments/d", "replicasets/r <- deployments/d!", "pods/p <- replicasets/r!")
	gvr, namespace, name := parse("pods/p")
	held, err := w.get(gvr, namespace, name)
	require.NoError(t, err)
	held.Finalizers = []string{"example.com/hold"}
	require.NoError(t, w.store(gvr, held))
	w.run()
	w.settled()
	w.userDeletes("deployments/d", foreground)
	w.becomes("deployments/d (deleting)", "replicasets/r <- deployments/d (deleting)", "pods/p <- replicasets/r (deleting)")

	held, err = w.get(gvr, namespace, name)
	require.NoError(t, err)
	held.Finalizers = nil
	require.NoError(t, w.store(gvr, held))
	w.becomes()
}

func TestOwnersThatNeverWere(t *testing.T) {
	w := newWorld(t)
	w.add("pods/p <- replicasets/gone", "pods/q <- replicasets/gone replicasets/r", "replicasets/r",
		"pods/x <- replicasets/r@other", "replicasets/r@other", // an owner in another namespace is none
		"nodes/n <- replicasets/gone", // nobody knows in which namespace to look
	)
	w.run()
	w.becomes("pods/q <- replicasets/r", "replicasets/r", "replicasets/r@other", "nodes/n <- replicasets/gone")
	var events []string
	require.Eventually(t, func() bool {
		events = append(events, w.env.Events()...)
		return len(events) >= 2
	}, 3*time.Second, 5*time.Millisecond)
	for _, e := range events {
		require.Contains(t, e, "Warning OwnerRefInvalidNamespace ownerRef [apps/v1/ReplicaSet")
	}
}

// An owner that was replaced by another of its name is gone.
func TestReplacedOwner(t *testing.T) {
	w := newWorld(t)
	w.add("replicasets/r")
	gvr, namespace, name := parse("replicasets/r")
	o, err := w.get(gvr, namespace, name)
	require.NoError(t, err)
	o.UID = "second"
	require.NoError(t, w.store(gvr, o))
	w.add("pods/p <- replicasets/r")
	w.run()
	w.becomes("second")
}

// What the graph holds is late; the apiserver decides.
func TestLateGraph(t *testing.T) {
	w := newWorld(t)
	w.add("replicasets/r", "pods/p <- replicasets/r")
	w.c.enqueue(w.c.graph.put(&node{resource: kinds["pods"].GroupVersion().WithResource("pods"), namespace: "ns", name: "p", uid: "pods/p",
		owners: []metav1.OwnerReference{ref("replicasets/r")}}))
	require.NoError(t, w.c.look(t.Context(), "pods/p"), "its owner was not shown yet")
	require.Len(t, w.state(), 2)

	w.c.graph.put(&node{uid: "elsewhere", name: "gone", owners: nil, namespace: "ns", resource: kinds["pods"].GroupVersion().WithResource("pods")})
	require.NoError(t, w.c.look(t.Context(), "elsewhere"))
	require.Nil(t, w.c.graph.get("elsewhere"), "an object whose end was missed is forgotten")
}

// A kind that is not served says nothing about its objects. When it comes to be served, they count.
func TestCustomResources(t *testing.T) {
	w := newWorld(t)
	w.add("pods/p <- widgets/w", "pods/q <- widgets/none")
	w.run()
	w.settled()
	require.ErrorContains(t, w.c.look(t.Context(), "pods/q"), "again in 30s")
	require.Len(t, w.state(), 2)

	w.add("widgets/w")
	w.serve(coreList, appsList, widgetList)
	require.Eventually(t, w.env.Clock.HasWaiters, 3*time.Second, time.Millisecond)
	w.env.Clock.Step(discoverEvery)
	w.settled()
	w.c.enqueue([]types.UID{"pods/p", "pods/q"}) // those 30 seconds are over
	w.becomes("widgets/w", "pods/p <- widgets/w")
	w.userDeletes("widgets/w", background)
	w.becomes()
}

func TestResync(t *testing.T) {
	w := newWorld(t)
	w.serve(coreList, appsList, widgetList)
	require.True(t, w.c.resync(t.Context()))
	require.Len(t, w.c.monitors.Running(), 5, "all but events")

	w.serve(coreList, appsList)
	w.failed = map[schema.GroupVersion]error{{Group: "example.com", Version: "v1"}: errors.New("down")}
	require.True(t, w.c.resync(t.Context()))
	require.Len(t, w.c.monitors.Running(), 5, "a group that does not answer is not gone")

	w.failed = nil
	require.True(t, w.c.resync(t.Context()))
	require.Len(t, w.c.monitors.Running(), 4)
}

// What is not served any more is not in the graph either.
func TestResourceThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.serve(coreList, appsList, widgetList)
	w.add("widgets/w", "pods/p <- widgets/w", "nodes/n")
	require.True(t, w.c.resync(t.Context()))
	require.Eventually(t, func() bool { return w.c.monitors.Synced() && w.c.graph.get("widgets/w") != nil }, 3*time.Second, time.Millisecond)
	w.serve(coreList, appsList)
	require.True(t, w.c.resync(t.Context()))
	require.Nil(t, w.c.graph.get("widgets/w"))
	require.NotNil(t, w.c.graph.get("pods/p"))
}

// Until all monitors have shown what there is, dependents may be unknown: nothing that waits for them goes.
func TestUnsyncedMonitors(t *testing.T) {
	for name, how := range map[string]metav1.DeletionPropagation{"foreground": foreground, "orphan": orphan} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add("replicasets/r", "pods/p <- replicasets/r!")
			w.meta.PrependReactor("list", "pods", func(core.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") })
			w.userDeletes("replicasets/r", how)
			require.True(t, w.c.resync(t.Context()))
			require.Eventually(t, func() bool { return w.c.graph.get("replicasets/r") != nil }, 3*time.Second, time.Millisecond)
			require.ErrorContains(t, w.c.look(t.Context(), "replicasets/r"), "again in 5s")
			gvr, namespace, name := parse("replicasets/r")
			_, err := w.get(gvr, namespace, name)
			require.NoError(t, err)
		})
	}
}

// An apiserver that does not know a resource says 404 as well.
func TestNotFoundWithoutAName(t *testing.T) {
	w := newWorld(t)
	w.add("pods/p <- replicasets/r")
	gvr, _, _ := parse("pods/p")
	w.c.graph.put(&node{resource: gvr, namespace: "ns", name: "p", uid: "pods/p", owners: []metav1.OwnerReference{ref("replicasets/r")}})
	answer := apierrors.NewGenericServerResponse(404, "get", gvr.GroupResource(), "r", "404 page not found", 0, true)
	w.meta.PrependReactor("get", "replicasets", func(core.Action) (bool, runtime.Object, error) { return true, nil, answer })
	require.ErrorContains(t, w.c.look(t.Context(), "pods/p"), "could not find the requested resource")
	require.EqualValues(t, 1, w.resets.Load())
	require.Equal(t, []string{"pods/p <- replicasets/r"}, w.state())

	answer = apierrors.NewNotFound(schema.GroupResource{Group: "apps", Resource: "replicasets"}, "r")
	require.NoError(t, w.c.look(t.Context(), "pods/p"))
	require.Empty(t, w.state())
}

func TestOwnersThatStayCostNothing(t *testing.T) {
	w := newWorld(t)
	w.add("replicasets/r", "pods/p <- replicasets/r")
	gvr, _, _ := parse("replicasets/r")
	w.c.graph.put(&node{resource: gvr, namespace: "ns", name: "r", uid: "replicasets/r"})
	pods, _, _ := parse("pods/p")
	w.c.graph.put(&node{resource: pods, namespace: "ns", name: "p", uid: "pods/p", owners: []metav1.OwnerReference{ref("replicasets/r")}})
	require.NoError(t, w.c.look(t.Context(), "pods/p"))
	require.Empty(t, w.meta.Actions())
	w.c.graph.put(&node{resource: gvr, namespace: "ns", name: "r", uid: "replicasets/r", deleting: true, waiting: true})
	require.NoError(t, w.c.look(t.Context(), "pods/p"))
	require.NotEmpty(t, w.meta.Actions(), "an owner that waits is asked for")
}

func TestGraph(t *testing.T) {
	g := newGraph()
	pod := func(owners ...string) *node {
		n := &node{uid: "pods/p"}
		for _, o := range owners {
			n.owners = append(n.owners, ref(o))
		}
		return n
	}
	look := func(uids ...types.UID) []types.UID { return uids }
	require.Equal(t, look("pods/p"), g.put(pod("replicasets/r!")), "its owner is not known")
	require.Empty(t, g.put(pod("replicasets/r!")), "nothing new")
	require.Empty(t, g.put(&node{uid: "replicasets/r", name: "r"}))
	require.Equal(t, look("replicasets/r", "pods/p"), g.put(&node{uid: "replicasets/r", name: "r", deleting: true, waiting: true}))
	require.Equal(t, look("replicasets/r"), g.put(pod("replicasets/r")), "it blocks no longer")
	g.put(pod("replicasets/r!"))
	require.Equal(t, look("replicasets/r"), g.put(pod()), "it has no owner any more")
	require.Empty(t, g.dependents)
	g.put(pod("replicasets/r!"))
	require.Equal(t, look("replicasets/r"), g.remove("pods/p"))
	require.Empty(t, g.remove("pods/p"))
	g.put(pod("replicasets/r"))
	require.Equal(t, look("pods/p"), g.remove("replicasets/r"))
}
