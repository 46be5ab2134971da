package replica

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/petcd/petcd/server/apply"
)

// answer is what the apply loop tells a waiter: the result of an entry, or of a change of members.
type answer struct {
	result *apply.Result
	err    error
}

// waiter is somebody who waits for the entry with his request id.
type waiter struct {
	id    uint64
	began time.Time
	until time.Time   // when he is told context.DeadlineExceeded, at the next sweep
	ch    chan answer // room for one: answering never blocks
	gone  atomic.Bool // he waits no longer
}

// Gone tells raft that nobody waits for what w proposed.
func (w *waiter) Gone() bool { return w.gone.Load() }

// waiters finds who waits for an entry. A request's id picks its slot; consecutive ids lie in different slots, so that
// neither those who register nor the apply loop ever meet on a lock.
type waiters struct {
	slots [slotCount]atomic.Pointer[waiter]
}

// slotCount is a power of two above the number of requests that may wait at a time; what a slow request's slot costs when
// the ids come round is one id.
const slotCount = 1 << 16

// register makes w waiting. It fails when the slot of its id is taken.
func (ws *waiters) register(w *waiter) bool {
	return ws.slots[w.id%slotCount].CompareAndSwap(nil, w)
}

// waiting tells whether somebody here waits for id.
func (ws *waiters) waiting(id uint64) bool {
	w := ws.slots[id%slotCount].Load()
	return w != nil && w.id == id
}

// answer hands a to whoever waits for id, if anybody does.
func (ws *waiters) answer(id uint64, a answer) {
	slot := &ws.slots[id%slotCount]
	if w := slot.Load(); w != nil && w.id == id && slot.CompareAndSwap(w, nil) {
		w.ch <- a
	}
}

// drop makes w wait no longer. It may have been answered meanwhile; nobody will read that.
func (ws *waiters) drop(w *waiter) {
	w.gone.Store(true)
	ws.slots[w.id%slotCount].CompareAndSwap(w, nil)
}

// sweepEvery is how often those whose time is up are looked for: what a time limit is late by at most.
const sweepEvery = 250 * time.Millisecond

// sweep answers those whose time is up, until stopped is closed, and then everybody. So a waiter needs neither a timer nor a
// look at a channel that all of them share, which cost more than the rest of his waiting. Who registers and then finds
// stopped open is answered: either by an entry or by this.
func (ws *waiters) sweep(stopped <-chan struct{}) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			ws.end(func(*waiter) bool { return true }, ErrStopped)
			return
		case now := <-tick.C:
			ws.end(func(w *waiter) bool { return now.After(w.until) }, context.DeadlineExceeded)
		}
	}
}

// end answers err to those who are to end.
func (ws *waiters) end(is func(*waiter) bool, err error) {
	for i := range ws.slots {
		if w := ws.slots[i].Load(); w != nil && is(w) {
			ws.answer(w.id, answer{err: err})
		}
	}
}
