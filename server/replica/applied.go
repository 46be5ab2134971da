package replica

import (
	"context"
	"sync"
	"sync/atomic"
)

// appliedIndex is how far the state is, and who waits for it to get further. Readers of one ReadIndex round wait for the
// same index and share one channel. The apply loop takes the lock only when somebody waits.
type appliedIndex struct {
	index   atomic.Uint64
	waiting atomic.Int64
	stopped <-chan struct{} // ends all waiting

	mu    sync.Mutex
	waits map[uint64]*appliedWait
}

// appliedWait is the channel of those who wait for one index.
type appliedWait struct {
	done    chan struct{}
	waiters int
}

// wait returns once index is applied, or ctx ends.
func (a *appliedIndex) wait(ctx context.Context, index uint64) error {
	if a.index.Load() >= index {
		return nil
	}
	a.mu.Lock()
	// Announced before the index is looked at again: either this sees the new index, or advance sees the waiter.
	a.waiting.Add(1)
	if a.index.Load() >= index {
		a.waiting.Add(-1)
		a.mu.Unlock()
		return nil
	}
	w := a.waits[index]
	if w == nil {
		w = &appliedWait{done: make(chan struct{})}
		a.waits[index] = w
	}
	w.waiters++
	a.mu.Unlock()

	var err error
	select {
	case <-w.done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-a.stopped:
		err = ErrStopped
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting.Add(-1)
	if w.waiters--; w.waiters == 0 && a.waits[index] == w {
		delete(a.waits, index)
	}
	return err
}

// advance publishes that index is applied.
func (a *appliedIndex) advance(index uint64) {
	a.index.Store(index)
	if a.waiting.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for at, w := range a.waits {
		if at <= index {
			close(w.done)
			delete(a.waits, at)
		}
	}
}
