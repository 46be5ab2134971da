package requestlog

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"sync/atomic"
)

// topMax is how many of the most expensive requests are kept.
const topMax = 32

// top keeps the requests whose cost is highest.
type top struct {
	cost func(*Request) int64
	// least is what a request must exceed to get in; most are turned away by it without the lock.
	least atomic.Int64

	mu   sync.Mutex
	kept costHeap
}

// newTop keeps nothing yet; requests without any cost never get in.
func newTop(cost func(*Request) int64) *top { return &top{cost: cost} }

// wants says whether a request of this cost may be among the most expensive.
func (t *top) wants(cost int64) bool { return cost > t.least.Load() }

// offer keeps q if it is among the most expensive.
func (t *top) offer(q *Request) {
	c := t.cost(q)
	if !t.wants(c) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) < topMax {
		heap.Push(&t.kept, entry{c, q})
	} else if c > t.kept[0].cost {
		t.kept[0] = entry{c, q}
		heap.Fix(&t.kept, 0)
	}
	if len(t.kept) == topMax {
		t.least.Store(t.kept[0].cost)
	}
}

// list returns what is kept, the most expensive first.
func (t *top) list() []*Request {
	t.mu.Lock()
	kept := slices.Clone(t.kept)
	t.mu.Unlock()
	slices.SortFunc(kept, func(a, b entry) int { return cmp.Compare(b.cost, a.cost) })
	requests := make([]*Request, len(kept))
	for i, e := range kept {
		requests[i] = e.request
	}
	return requests
}

// entry is a request with its cost.
type entry struct {
	cost    int64
	request *Request
}

// costHeap has the cheapest entry in front.
type costHeap []entry

func (h costHeap) Len() int           { return len(h) }
func (h costHeap) Less(i, j int) bool { return h[i].cost < h[j].cost }
func (h costHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *costHeap) Push(x any) { *h = append(*h, x.(entry)) }

// Pop is heap.Interface's.
func (h *costHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
