package queue

import (
	"container/heap"
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

const (
	initialBackoff = time.Second
	maxBackoff     = 10 * time.Second
	// maxUnschedulable is when a pod is tried again though nothing seems to have changed.
	maxUnschedulable = 5 * time.Minute
	// flushEvery is how often pods are looked for whose time has come.
	flushEvery = time.Second
)

// Queue is the pods that wait.
type Queue struct {
	clock clock.WithTicker

	mu      sync.Mutex
	changed *sync.Cond // active grew, or closed
	closed  bool
	seq     uint64

	all           map[types.UID]*Item // those being tried too
	active        *itemHeap
	backoff       *itemHeap
	unschedulable map[types.UID]*Item
	gated         map[types.UID]*Item
	trying        map[types.UID]*Item
}

// New returns an empty queue.
func New(c clock.WithTicker) *Queue {
	q := &Queue{
		clock: c, all: map[types.UID]*Item{},
		active: &itemHeap{less: byPriority}, backoff: &itemHeap{less: byReady},
		unschedulable: map[types.UID]*Item{}, gated: map[types.UID]*Item{}, trying: map[types.UID]*Item{},
	}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// Run wakes pods when their time has come, until ctx ends, and then lets Pop return.
func (q *Queue) Run(ctx context.Context) {
	tick := q.clock.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C():
			q.Flush()
		case <-ctx.Done():
			q.mu.Lock()
			q.closed = true
			q.changed.Broadcast()
			q.mu.Unlock()
			return
		}
	}
}

// Set adds a pod, or takes over what it says now.
func (q *Queue) Set(pod *v1.Pod) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if item, known := q.all[pod.UID]; known {
		q.update(item, pod)
		return
	}
	item := &Item{Pod: view.NewPod(pod)}
	q.all[pod.UID] = item
	q.ready(item)
}

// Update takes over what a pod says now, if it waits at all.
func (q *Queue) Update(pod *v1.Pod) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if item, known := q.all[pod.UID]; known {
		q.update(item, pod)
	}
}

// update lets a pod that waits be tried at once if it asks for something else now.
func (q *Queue) update(item *Item, pod *v1.Pod) {
	if item.place == trying {
		item.next = pod // whoever tries it reads Pod without the lock
		return
	}
	if asksTheSame(item.Pod.Pod, pod) {
		item.Pod = withObject(item.Pod, pod)
		return
	}
	q.takeOut(item)
	item.Pod = view.NewPod(pod)
	q.ready(item)
}

// asksTheSame tells that an update did not change what could make a node fit. The scheduler's own notes in the status don't.
func asksTheSame(old, now *v1.Pod) bool {
	return old.Generation == now.Generation && equality.Semantic.DeepEqual(old.Spec, now.Spec) &&
		equality.Semantic.DeepEqual(old.Labels, now.Labels)
}

// withObject is a pod with everything as worked out before, and the object as it is now.
func withObject(p *view.Pod, pod *v1.Pod) *view.Pod {
	c := *p
	c.Pod = pod
	return &c
}

// Delete drops a pod that is gone, or that has a node.
func (q *Queue) Delete(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if item, ok := q.all[uid]; ok {
		q.takeOut(item)
		delete(q.all, uid)
	}
}

// Has tells that a pod is not given up: it waits, or is being tried.
func (q *Queue) Has(item *Item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.all[item.Pod.Key()] == item
}

// Pop returns the next pod to try, and waits for one; false when the queue has ended.
func (q *Queue) Pop() (*Item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.active.Len() == 0 && !q.closed {
		q.changed.Wait()
	}
	if q.closed {
		return nil, false
	}
	item := q.active.items[0]
	q.takeOut(item)
	item.Attempts++
	item.place, item.missed, item.next = trying, 0, nil
	q.trying[item.Pod.Key()] = item
	return item, true
}

// Unschedulable puts back a pod that no node would take; helps is what could change that.
func (q *Queue) Unschedulable(item *Item, helps change.Set) { q.putBack(item, helps, false) }

// Gate puts back a pod that has scheduling gates: it waits until it is changed.
func (q *Queue) Gate(item *Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.ended(item) {
		return
	}
	item.Attempts--
	if item.catchUp() {
		q.ready(item)
		return
	}
	item.place = Gated
	q.gated[item.Pod.Key()] = item
}

// Retry puts back a pod that failed for a reason that may pass by itself.
func (q *Queue) Retry(item *Item) { q.putBack(item, 0, true) }

// putBack ends an attempt that gave the pod no node.
func (q *Queue) putBack(item *Item, helps change.Set, retry bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.ended(item) {
		return
	}
	item.tried = q.clock.Now()
	item.helps = helps
	if item.catchUp() || retry || item.missed.Has(helps) {
		q.wake(item)
		return
	}
	item.place = Unschedulable
	q.unschedulable[item.Pod.Key()] = item
}

// ended ends an attempt. It returns false if the pod was deleted meanwhile.
func (q *Queue) ended(item *Item) bool {
	if q.all[item.Pod.Key()] != item || item.place != trying {
		return false
	}
	delete(q.trying, item.Pod.Key())
	return true
}

// Done drops a pod that has got its node.
func (q *Queue) Done(item *Item) { q.Delete(item.Pod.Key()) }

// Wake lets those be tried again whom a change may help.
func (q *Queue) Wake(what change.Set) {
	if what == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, item := range q.trying {
		item.missed |= what
	}
	for uid, item := range q.unschedulable {
		if item.helps.Has(what) {
			delete(q.unschedulable, uid)
			q.wake(item)
		}
	}
}

// Flush moves the pods whose time has come. Run calls it.
func (q *Queue) Flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	for q.backoff.Len() > 0 && !q.backoff.items[0].readyAt().After(now) {
		item := q.backoff.items[0]
		q.takeOut(item)
		q.ready(item)
	}
	for uid, item := range q.unschedulable {
		if now.Sub(item.tried) >= maxUnschedulable {
			delete(q.unschedulable, uid)
			q.wake(item)
		}
	}
}

// Counts tells how many pods wait in each place.
func (q *Queue) Counts() map[Place]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return map[Place]int{
		Active: q.active.Len(), Backoff: q.backoff.Len(), Unschedulable: len(q.unschedulable), Gated: len(q.gated),
	}
}

// wake makes an item active when its back-off is over.
func (q *Queue) wake(item *Item) {
	if item.readyAt().After(q.clock.Now()) {
		item.place = Backoff
		heap.Push(q.backoff, item)
		return
	}
	q.ready(item)
}

// ready makes an item active, behind those that are so already.
func (q *Queue) ready(item *Item) {
	q.seq++
	item.place, item.queued, item.seq = Active, q.clock.Now(), q.seq
	heap.Push(q.active, item)
	q.changed.Signal()
}

// takeOut removes an item from where it is.
func (q *Queue) takeOut(item *Item) {
	switch item.place {
	case Active:
		heap.Remove(q.active, item.index)
	case Backoff:
		heap.Remove(q.backoff, item.index)
	case Unschedulable:
		delete(q.unschedulable, item.Pod.Key())
	case Gated:
		delete(q.gated, item.Pod.Key())
	case trying:
		delete(q.trying, item.Pod.Key())
	}
}
