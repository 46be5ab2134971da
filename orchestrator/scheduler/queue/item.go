package queue

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// Place is where a pod waits.
type Place string

// The places, by their names in scheduler_pending_pods; trying is none of them.
const (
	Active        Place = "active"
	Backoff       Place = "backoff"
	Unschedulable Place = "unschedulable"
	Gated         Place = "gated"
	trying        Place = ""
)

// Item is a pod that waits.
type Item struct {
	Pod *view.Pod
	// Attempts is how often the pod was tried.
	Attempts int

	place  Place
	queued time.Time // when it came into the active queue
	tried  time.Time // when the last attempt ended
	seq    uint64    // breaks ties of queued
	index  int       // in the heap it is in

	// helps is what the pod waits for in Unschedulable. While it is tried, missed is what happened meanwhile, and next is what
	// the pod became.
	helps, missed change.Set
	next          *v1.Pod
}

// catchUp takes over what the pod became while it was tried, and tells that it asks for something else now.
func (i *Item) catchUp() bool {
	if i.next == nil {
		return false
	}
	if asksTheSame(i.Pod.Pod, i.next) {
		i.Pod = withObject(i.Pod, i.next)
		return false
	}
	i.Pod = view.NewPod(i.next)
	return true
}

// backoff is how long a pod waits after so many attempts.
func backoff(attempts int) time.Duration {
	d := initialBackoff
	for range attempts - 1 {
		if d *= 2; d >= maxBackoff {
			return maxBackoff
		}
	}
	return d
}

// readyAt is when the item may be tried again.
func (i *Item) readyAt() time.Time {
	if i.Attempts == 0 {
		return i.tried
	}
	return i.tried.Add(backoff(i.Attempts))
}

// itemHeap is a container/heap of items by any order.
type itemHeap struct {
	items []*Item
	less  func(a, b *Item) bool
}

// Len, Less and Swap implement heap.Interface.
func (h *itemHeap) Len() int           { return len(h.items) }
func (h *itemHeap) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) }
func (h *itemHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].index, h.items[j].index = i, j
}

// Push implements heap.Interface.
func (h *itemHeap) Push(x any) {
	item := x.(*Item) // only items are pushed
	item.index = len(h.items)
	h.items = append(h.items, item)
}

// Pop implements heap.Interface.
func (h *itemHeap) Pop() any {
	last := len(h.items) - 1
	item := h.items[last]
	h.items[last] = nil
	h.items = h.items[:last]
	return item
}

// byPriority is the order of the active queue.
func byPriority(a, b *Item) bool {
	if a.Pod.Priority != b.Pod.Priority {
		return a.Pod.Priority > b.Pod.Priority
	}
	if !a.queued.Equal(b.queued) {
		return a.queued.Before(b.queued)
	}
	return a.seq < b.seq
}

// byReady is the order of the back-off queue.
func byReady(a, b *Item) bool { return a.readyAt().Before(b.readyAt()) }
