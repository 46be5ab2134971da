package queue

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
)

func pod(name string, priority int32) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{Priority: &priority}}
}

type rig struct {
	*Queue
	t     *testing.T
	clock *testclock.FakeClock
}

func newRig(t *testing.T) *rig {
	c := testclock.NewFakeClock(time.Unix(1000, 0))
	return &rig{Queue: New(c), t: t, clock: c}
}

// pop expects that a pod is next; there must be one.
func (r *rig) pop(name string) *Item {
	r.t.Helper()
	require.Positive(r.t, r.Counts()[Active], "nothing to pop")
	item, ok := r.Pop()
	require.True(r.t, ok)
	require.Equal(r.t, name, item.Pod.Name)
	return item
}

func (r *rig) pass(d time.Duration) {
	r.clock.Step(d)
	r.Flush()
}

// waits expects how many pods are active, in back-off, unschedulable and gated.
func (r *rig) waits(active, backoff, unschedulable, gated int) {
	r.t.Helper()
	require.Equal(r.t, map[Place]int{Active: active, Backoff: backoff, Unschedulable: unschedulable, Gated: gated}, r.Counts())
}

func TestPriorityThenTime(t *testing.T) {
	r := newRig(t)
	r.Set(pod("first", 0))
	r.Set(pod("second", 0)) // at the same instant
	r.clock.Step(time.Second)
	r.Set(pod("third", 0))
	r.Set(pod("urgent", 10))
	for _, name := range []string{"urgent", "first", "second", "third"} {
		r.pop(name)
	}
}

func TestBackoffGrowsToTenSeconds(t *testing.T) {
	r := newRig(t)
	r.Set(pod("p", 0))
	for _, d := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
		r.Retry(r.pop("p"))
		r.waits(0, 1, 0, 0)
		r.pass(d*time.Second - time.Millisecond)
		r.waits(0, 1, 0, 0)
		r.pass(time.Millisecond)
		r.waits(1, 0, 0, 0)
	}
}

func TestOnlyAChangeThatHelpsWakes(t *testing.T) {
	r := newRig(t)
	r.Set(pod("p", 0))
	r.Unschedulable(r.pop("p"), change.NodeAdded|change.NodeTaints)
	r.pass(time.Minute)
	r.Wake(change.PodGone)
	r.waits(0, 0, 1, 0)
	r.Wake(change.NodeTaints)
	r.waits(1, 0, 0, 0) // its back-off is long over
}

func TestAWakeInBackoffWaitsForItsEnd(t *testing.T) {
	r := newRig(t)
	r.Set(pod("p", 0))
	r.Unschedulable(r.pop("p"), change.PodGone)
	r.Wake(change.PodGone)
	r.waits(0, 1, 0, 0)
	r.pass(time.Second)
	r.waits(1, 0, 0, 0)
}

func TestAChangeDuringAnAttemptIsNotLost(t *testing.T) {
	r := newRig(t)
	r.Set(pod("p", 0))
	item := r.pop("p")
	r.Wake(change.PodGone)
	r.Unschedulable(item, change.PodGone)
	r.waits(0, 1, 0, 0)

	r.pass(time.Second)
	item = r.pop("p")
	r.Wake(change.NodeAdded) // helps not; and what helped before the attempt counts no more
	r.Unschedulable(item, change.PodGone)
	r.waits(0, 0, 1, 0)
}

func TestFiveMinutesAreTheLongest(t *testing.T) {
	r := newRig(t)
	r.Set(pod("p", 0))
	r.Unschedulable(r.pop("p"), change.NodeAdded)
	r.pass(5*time.Minute - time.Second)
	r.waits(0, 0, 1, 0)
	r.pass(time.Second)
	r.waits(1, 0, 0, 0)
}

func TestAPodThatAsksForSomethingElse(t *testing.T) {
	r := newRig(t)
	p := pod("p", 0)
	r.Set(p)
	r.Unschedulable(r.pop("p"), change.NodeAdded)

	told := p.DeepCopy()
	told.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled}}
	r.Set(told)
	r.waits(0, 0, 1, 0)

	changed := told.DeepCopy()
	changed.Spec.Tolerations = []v1.Toleration{{Operator: v1.TolerationOpExists}}
	r.Set(changed)
	item := r.pop("p")
	require.Len(t, item.Pod.Spec.Tolerations, 1)

	again := changed.DeepCopy()
	again.Labels = map[string]string{"a": "b"}
	r.Set(again) // while it is tried
	require.Empty(t, item.Pod.Labels)
	r.Unschedulable(item, change.NodeAdded)
	r.waits(0, 1, 0, 0)
	r.pass(2 * time.Second)
	require.Equal(t, "b", r.pop("p").Pod.Labels["a"])
}

func TestGatesKeepAPodBack(t *testing.T) {
	r := newRig(t)
	p := pod("p", 0)
	p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "x"}}
	r.Set(p)
	r.Gate(r.pop("p"))
	r.Wake(change.All)
	r.pass(time.Hour)
	r.waits(0, 0, 0, 1)
	r.Set(pod("p", 0))
	require.Equal(t, 1, r.pop("p").Attempts, "a look at its gates is no attempt")
}

func TestWhatIsDeletedDoesNotComeBack(t *testing.T) {
	r := newRig(t)
	for _, put := range []func(*Item){r.Retry, r.Gate, func(i *Item) { r.Unschedulable(i, change.All) }} {
		r.Set(pod("p", 0))
		item := r.pop("p")
		r.Delete("p")
		put(item)
		r.waits(0, 0, 0, 0)
	}
	r.Set(pod("p", 0))
	r.Done(r.pop("p"))
	r.Update(pod("p", 0)) // the informer is late
	r.waits(0, 0, 0, 0)
}

// Pods that fail again and again don't keep those from their turn that came meanwhile.
func TestABurstIsNotStarved(t *testing.T) {
	r := newRig(t)
	r.Set(pod("hopeless", 0))
	r.Retry(r.pop("hopeless"))
	for _, name := range []string{"a", "b", "c"} {
		r.Set(pod(name, 0))
	}
	r.pass(time.Second)
	for _, name := range []string{"a", "b", "c", "hopeless"} {
		r.pop(name)
	}
}

func TestPopWaitsAndEnds(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	popped := make(chan string)
	go func() {
		for {
			item, ok := r.Pop()
			if !ok {
				close(popped)
				return
			}
			r.Retry(item)
			popped <- item.Pod.Name
		}
	}()
	r.Set(pod("p", 0))
	require.Equal(t, "p", <-popped)
	require.Eventually(t, r.clock.HasWaiters, 10*time.Second, time.Millisecond)
	r.clock.Step(flushEvery)
	require.Equal(t, "p", <-popped, "Run flushes")
	cancel()
	<-ended
	_, more := <-popped
	require.False(t, more)
}
