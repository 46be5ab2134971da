package replica

import (
	"sync/atomic"

	"github.com/petcd/petcd/server/apply"
)

// answer is what the apply loop tells a waiter: the result of an entry, or of a change of members.
type answer struct {
	result *apply.Result
	err    error
}

// waiter is somebody who waits for the entry with his request id.
type waiter struct {
	id   uint64
	ch   chan answer   // room for one: answering never blocks
	gone chan struct{} // closed when he waits no longer
}

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
	ws.slots[w.id%slotCount].CompareAndSwap(w, nil)
}
