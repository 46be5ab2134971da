package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/queue"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// Here the scheduler doesn't run: a test says in which order the informers and the attempts have their turn.

// still returns a scheduler that was shown nodes and pods.
func still(t *testing.T, objs ...runtime.Object) *rig {
	t.Helper()
	r, _ := newRig(t, objs...)
	for _, o := range objs {
		switch o := o.(type) {
		case *v1.Node:
			r.sched.nodeSet(nil, o)
		case *v1.Pod:
			r.sched.podSet(nil, o)
		}
	}
	return r
}

// pop takes the pod that must be next.
func (r *rig) pop(name string) *queue.Item {
	r.t.Helper()
	r.pass(10 * time.Second)
	require.Positive(r.t, r.sched.queue.Counts()[queue.Active], "nothing to try")
	item, _ := r.sched.queue.Pop()
	require.Equal(r.t, name, item.Pod.Name)
	return item
}

// try makes an attempt, and waits for all that comes of it.
func (r *rig) try(name string) {
	r.t.Helper()
	item := r.pop(name)
	r.sched.attempt(r.t.Context(), item)
	r.sched.tasks.Wait()
}

// unschedulable is how many pods wait for a change.
func (r *rig) unschedulable() int { return r.sched.queue.Counts()[queue.Unschedulable] }

// nominated is where a pod is nominated to.
func (r *rig) nominated(name string) (node string) {
	r.sched.cluster.With(func(st *view.State) { node = st.NominatedTo(uid(name)) })
	return node
}

// deleted are the pods that were deleted, in order.
func (r *rig) deleted() (names []string) {
	for _, a := range r.client.Actions() {
		if d, ok := a.(clienttesting.DeleteAction); ok {
			names = append(names, d.GetName())
		}
	}
	return names
}

func TestAPodThatGoesWhileItIsTriedGetsNoRoom(t *testing.T) {
	high := makePod("high", "2", priority(10))
	r := still(t, makeNode("a"), makePod("low", "4", on("a"), priority(1)), high)
	item := r.pop("high")
	var o outcome
	r.sched.cluster.With(func(st *view.State) {
		o = r.sched.choice.choose(st, item.Pod)
		r.sched.preempt(st, item.Pod, &o)
	})
	require.NotNil(t, o.plan)
	r.sched.podGone(high)
	r.sched.unschedulable(t.Context(), item, &o)
	r.sched.tasks.Wait()
	require.Empty(t, r.nominated("high"))
	require.Empty(t, r.deleted())
}

func TestAPodThatGoesBeforeItIsTriedGetsNoNode(t *testing.T) {
	p := makePod("p", "1")
	r := still(t, makeNode("a"), p)
	item := r.pop("p")
	going := p.DeepCopy()
	going.DeletionTimestamp = &metav1.Time{Time: r.clock.Now()}
	r.sched.podSet(p, going)
	r.sched.attempt(t.Context(), item)
	r.sched.tasks.Wait()
	require.Empty(t, r.client.Actions())
	r.sched.cluster.With(func(st *view.State) { require.Nil(t, st.Placed(p.UID)) })
}

// While an attempt holds the view, a pod that goes or gets a node has left the queue already, or waits to undo what the attempt does.
func TestAPodLeavesTheQueueBeforeTheView(t *testing.T) {
	placed := makePod("p", "1", on("a"))
	for name, leave := range map[string]func(*Scheduler){
		"gone": func(s *Scheduler) { s.podGone(placed) }, "placed": func(s *Scheduler) { s.podSet(nil, placed) },
	} {
		t.Run(name, func(t *testing.T) {
			r := still(t, makeNode("a"), makePod("p", "1"))
			item := r.pop("p")
			left := make(chan struct{})
			r.sched.cluster.With(func(*view.State) {
				go func() { defer close(left); leave(r.sched) }()
				r.eventually("left the queue", func() bool { return !r.sched.queue.Has(item) })
			})
			<-left
		})
	}
}

func TestAConfirmedPlacementStays(t *testing.T) {
	r := still(t, makeNode("a"), makeNode("b"), makePod("p", "1"))
	item := r.pop("p")
	r.sched.podSet(nil, makePod("p", "1", on("b")))
	r.sched.attempt(t.Context(), item)

	r.sched.queue.Set(makePod("p", "1")) // an informer that looked at the view before
	r.try("p")
	require.Empty(t, r.client.Actions(), "nothing is bound")
	r.sched.cluster.With(func(st *view.State) {
		require.Equal(t, "b", st.Placed(uid("p")).Spec.NodeName)
		require.Empty(t, st.Node("a").Pods)
	})
	require.False(t, r.sched.queue.Has(item))
}

// Between the decision that a pod goes and the informer's word of it nobody else is killed in its stead.
func TestOnePlanAtATime(t *testing.T) {
	a, mid := makeNode("a"), makePod("mid", "4", on("b"), priority(5))
	r := still(t, a, makeNode("b"), makePod("low", "4", on("a"), priority(1)), mid, makePod("high", "2", priority(10)))
	r.try("high")
	require.Equal(t, "a", r.nominated("high"))
	require.Equal(t, []string{"low"}, r.deleted())
	r.sched.podGone(mid)
	least := makePod("least", "4", on("b"), priority(0))
	r.add(least)
	r.sched.podSet(nil, least)
	r.sched.queue.Wake(change.All)
	r.try("high")
	require.Equal(t, "a", r.nominated("high"))
	require.Equal(t, []string{"low"}, r.deleted(), "low is on its way out; least would be less of a loss, but a further one")

	cordoned := a.DeepCopy()
	cordoned.Spec.Unschedulable = true
	r.sched.nodeSet(a, cordoned)
	r.sched.queue.Wake(change.All)
	r.try("high")
	require.Equal(t, "b", r.nominated("high"), "on a it won't do any more")
	require.Equal(t, []string{"low", "least"}, r.deleted())
}

func TestAVictimThatCannotBeDeletedIsNotWaitedFor(t *testing.T) {
	r := still(t, makeNode("a"), makePod("low", "4", on("a"), priority(1)), makePod("high", "2", priority(10)))
	r.client.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("not today")
	})
	r.try("high")
	r.try("high") // it was woken
	require.Equal(t, []string{"low", "low"}, r.deleted())
}

// A nomination keeps others off. When it is dropped they are tried again.
func TestADroppedNominationWakesOthers(t *testing.T) {
	nominated := func(p *v1.Pod) { p.Status.NominatedNodeName = "a" }
	a := makeNode("a")
	start := func(t *testing.T, more ...runtime.Object) *rig {
		r := still(t, append([]runtime.Object{a, makePod("high", "3", priority(10), nominated), makePod("low", "2")}, more...)...)
		high := r.pop("high")
		r.try("low")
		require.Equal(t, 1, r.unschedulable(), "low waits for high")
		r.sched.queue.Retry(high)
		return r
	}
	woken := func(t *testing.T, r *rig) {
		t.Helper()
		r.pass(10 * time.Second)
		require.Positive(t, r.sched.queue.Counts()[queue.Active], "low")
	}
	t.Run("nothing can be done for it", func(t *testing.T) {
		r := start(t)
		item := r.pop("high")
		r.sched.unschedulable(t.Context(), item, &outcome{})
		r.sched.tasks.Wait()
		require.Empty(t, r.nominated("high"))
		woken(t, r)
	})
	t.Run("it goes elsewhere", func(t *testing.T) {
		r := start(t)
		r.sched.cluster.With(func(st *view.State) { st.SetNode(makeNode("a", tainted("x"))); st.SetNode(makeNode("b")) })
		r.try("high")
		require.Equal(t, "b", r.pod("high").Spec.NodeName)
		woken(t, r)
	})
	t.Run("somebody else places it elsewhere", func(t *testing.T) {
		r := start(t)
		r.sched.podSet(nil, makePod("high", "3", on("c")))
		woken(t, r)
	})
	t.Run("one of higher priority takes its place", func(t *testing.T) {
		r := start(t, makePod("filler", "1", on("a")))
		item := r.pop("high")
		r.sched.unschedulable(t.Context(), item, &outcome{preemption: "no", helps: change.PodGone})
		r.sched.cluster.With(func(st *view.State) { st.Nominate(item.Pod, "a") })
		r.pass(time.Hour)
		for r.sched.queue.Counts()[queue.Active] > 0 {
			waiting, _ := r.sched.queue.Pop()
			r.sched.queue.Unschedulable(waiting, change.PodGone)
		}
		r.sched.podSet(nil, makePod("highest", "4", priority(20)))
		r.try("highest")
		require.Equal(t, "a", r.nominated("highest"))
		require.Empty(t, r.nominated("high"))
		woken(t, r)
	})
}

// holdPatches lets each patch of a pod say that it began, and wait until goOn is closed.
func (r *rig) holdPatches() (began, goOn chan struct{}) {
	began, goOn = make(chan struct{}, 10), make(chan struct{})
	r.client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		began <- struct{}{}
		<-goOn
		return false, nil, nil
	})
	return began, goOn
}

// left is how many fields a pod's writer has to write yet; -1 if there is no writer.
func (r *rig) left(p *v1.Pod) int {
	r.sched.notes.mu.Lock()
	defer r.sched.notes.mu.Unlock()
	if n := r.sched.notes.of[p.UID]; n != nil {
		return len(n.status)
	}
	return -1
}

// The last word on a pod is what stays, however long a word before took.
func TestTheLastWordStays(t *testing.T) {
	p := makePod("p", "1")
	r := still(t, p)
	began, goOn := r.holdPatches()
	said := func() (all []string) {
		for _, a := range r.client.Actions() {
			if patch, ok := a.(clienttesting.PatchAction); ok {
				all = append(all, string(patch.GetPatch()))
			}
		}
		return all
	}
	node, nowhere := "a", ""
	r.sched.tell(t.Context(), p, v1.PodReasonUnschedulable, "first", &node)
	<-began
	r.sched.tell(t.Context(), p, v1.PodReasonUnschedulable, "second", &nowhere)
	r.sched.tell(t.Context(), p, v1.PodReasonSchedulerError, "third", nil)
	close(goOn)
	r.sched.tasks.Wait()
	c := podScheduled(r.pod("p"))
	require.Equal(t, "third", c.Message)
	require.Empty(t, r.pod("p").Status.NominatedNodeName)
	require.Len(t, said(), 2)
	require.NotContains(t, fmt.Sprint(said()), "second")
}

// Why a pod had no node isn't said any more once it has one.
func TestABoundPodIsToldNothing(t *testing.T) {
	p := makePod("p", "1")
	r := still(t, p)
	began, goOn := r.holdPatches()
	r.sched.tell(t.Context(), p, v1.PodReasonUnschedulable, "first", nil)
	<-began
	r.sched.tell(t.Context(), p, v1.PodReasonUnschedulable, "second", nil)
	r.sched.nodeSet(nil, makeNode("a"))
	item := r.pop("p")
	r.sched.attempt(t.Context(), item)
	r.eventually("the second dropped", func() bool { return r.left(p) == 0 })
	close(goOn)
	r.sched.tasks.Wait()
	require.Equal(t, "a", r.pod("p").Spec.NodeName)
	var order []string
	for _, a := range r.client.Actions() {
		if a.GetSubresource() != "" {
			order = append(order, a.GetVerb()+" "+a.GetSubresource())
		}
	}
	require.Equal(t, "patch status, create binding", strings.Join(order, ", "))
}

// What is written already when a writer is dropped is waited for.
func TestDropWaitsForTheWriter(t *testing.T) {
	p := makePod("p", "1")
	r := still(t, p)
	began, goOn := r.holdPatches()
	r.sched.tell(t.Context(), p, v1.PodReasonUnschedulable, "first", nil)
	<-began
	r.sched.tell(t.Context(), p, v1.PodReasonUnschedulable, "second", nil)
	left := make(chan int)
	go func() {
		r.sched.notes.drop(p.UID)
		left <- r.left(p)
	}()
	r.eventually("the second dropped", func() bool { return r.left(p) == 0 })
	close(goOn)
	require.Equal(t, -1, <-left)
}

// uid is the one that makePod gives.
func uid(name string) types.UID { return types.UID(name + "-uid") }
