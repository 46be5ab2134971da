package lessor

import (
	"container/heap"
	"time"
)

// lease is one lease on the leader's clock.
type lease struct {
	id  int64
	ttl time.Duration
	// remaining is what a checkpoint left of the time; 0 when there is none.
	remaining time.Duration
	// expiry is when the lease ends; meaningful only while this member leads.
	expiry time.Time
	// expired: its time was over and its revocation was proposed, which may yet be applied though it seemed to fail.
	expired bool
	// ended is closed when the lease is revoked.
	ended chan struct{}
	// position in the queue; -1 while the lease is not in it, because its revocation is under way or this member does not
	// lead.
	position int
}

// living: the leader's clock has not ended the lease.
func (e *lease) living() bool { return !e.expired && e.expiry.After(time.Now()) }

// queue holds leases by expiry, soonest first.
type queue []*lease

// Len, Less, Swap, Push and Pop are heap.Interface's.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].expiry.Before(q[j].expiry) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].position, q[j].position = i, j
}

// Push is heap.Interface's.
func (q *queue) Push(x any) {
	l := x.(*lease)
	l.position = len(*q)
	*q = append(*q, l)
}

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	last := len(*q) - 1
	l := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	l.position = -1
	return l
}

// set puts l where its expiry belongs.
func (q *queue) set(l *lease) {
	if l.position < 0 {
		heap.Push(q, l)
		return
	}
	heap.Fix(q, l.position)
}

// remove takes l out, if it is in.
func (q *queue) remove(l *lease) {
	if l.position >= 0 {
		heap.Remove(q, l.position)
	}
}

// due takes out the leases that end by now, at most max.
func (q *queue) due(now time.Time, max int) (ended []*lease) {
	for len(*q) > 0 && len(ended) < max && !(*q)[0].expiry.After(now) {
		l := heap.Pop(q).(*lease)
		l.expired = true
		ended = append(ended, l)
	}
	return ended
}
