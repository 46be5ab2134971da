package watch

import (
	"sync"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Revision is what one revision changed, in order. It must not be empty.
type Revision struct {
	Main   int64
	Events []*mvccpb.Event
}

// eventOverhead is what an event takes in memory besides key and value.
const eventOverhead = 256

// change is one event in the ring.
type change struct {
	event *mvccpb.Event
	// withPrev is the same event with its previous value, made when the first
	// watcher asks for it.
	withPrev atomic.Pointer[mvccpb.Event]
}

// slot is one revision in the ring.
type slot struct {
	revision int64
	changes  []change
	bytes    int // guarded by the ring's mu once it is in there
}

// newSlot takes over r's events.
func newSlot(r Revision) *slot {
	s := &slot{revision: r.Main, changes: make([]change, len(r.Events))}
	for i, ev := range r.Events {
		s.changes[i].event = ev
		s.bytes += eventOverhead + len(ev.Kv.Key) + len(ev.Kv.Value)
	}
	return s
}

// ring holds the newest revisions, without gaps, bounded by their events and
// bytes. It keeps at least the newest one. Readers copy pointers out and look
// at the slots without the lock.
type ring struct {
	maxEvents, maxBytes int

	mu            sync.RWMutex
	slots         []*slot // circular; its length is a power of two
	head          int     // place of the oldest
	n             int
	next          int64 // the revision after the newest
	events, bytes int
}

// reset empties the ring; the next revision pushed is next.
func (r *ring) reset(next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.slots)
	r.head, r.n, r.events, r.bytes = 0, 0, 0, 0
	r.next = next
}

// push appends slots. One that does not follow the newest empties the ring
// first: what lies between is then history to every watcher.
func (r *ring) push(slots []*slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slots {
		if s.revision != r.next {
			clear(r.slots)
			r.head, r.n, r.events, r.bytes = 0, 0, 0, 0
		}
		if r.n == len(r.slots) {
			r.grow()
		}
		r.slots[(r.head+r.n)&(len(r.slots)-1)] = s
		r.n++
		r.next = s.revision + 1
		r.events += len(s.changes)
		r.bytes += s.bytes
		r.trim()
	}
}

// charge notes that s has grown by n bytes: those of a previous value, which a
// deletion does not bring with it.
func (r *ring) charge(s *slot, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := s.revision - (r.next - int64(r.n))
	if i < 0 || i >= int64(r.n) || r.slots[(r.head+int(i))&(len(r.slots)-1)] != s {
		return // it has left the ring
	}
	s.bytes += n
	r.bytes += n
	r.trim()
}

// trim brings the ring within its bounds.
func (r *ring) trim() {
	for r.n > 1 && (r.events > r.maxEvents || r.bytes > r.maxBytes) {
		r.drop()
	}
}

// drop removes the oldest slot.
func (r *ring) drop() {
	s := r.slots[r.head]
	r.slots[r.head] = nil
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	r.events -= len(s.changes)
	r.bytes -= s.bytes
}

// grow doubles the room.
func (r *ring) grow() {
	bigger := make([]*slot, max(64, 2*len(r.slots)))
	for i := range r.n {
		bigger[i] = r.slots[(r.head+i)&(len(r.slots)-1)]
	}
	r.slots, r.head = bigger, 0
}

// copyOut appends to dst at most cap(dst)-len(dst) slots from revision from
// on. ok is false when from has left the ring.
func (r *ring) copyOut(dst []*slot, from int64) (_ []*slot, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	first := r.next - int64(r.n)
	if from < first {
		return dst, false
	}
	for i := from - first; i < int64(r.n) && len(dst) < cap(dst); i++ {
		dst = append(dst, r.slots[(r.head+int(i))&(len(r.slots)-1)])
	}
	return dst, true
}
