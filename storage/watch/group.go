package watch

import (
	"bytes"
	"context"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Group is the watches of one client stream.
type Group struct {
	hub  *Hub
	wake chan struct{} // 1 deep: ready or requests grew
	done chan struct{} // closed with the group

	mu       sync.Mutex
	watchers map[int64]*watcher
	ready    []*watcher // queued, first come first served; not the one in its turn
	turning  *watcher   // in its turn, or delivered and Next not called again
	requests []request
	given    int64 // newest revision of an event that Next returned
	closed   bool
}

// Delivery is what one watch, or the group, is given at once.
type Delivery struct {
	// ID is the watch, or AllWatches for progress of the whole group.
	ID     int64
	Events []*mvccpb.Event
	// Revision is where the watch has come: every event up to it is in this
	// or an earlier delivery.
	Revision int64
	// CompactRevision is not zero when the history that the watch needs is
	// gone. The watch has ended.
	CompactRevision int64
}

// Watch begins a watch of a range, by etcd's convention, from startRevision
// on; 0 is from now. It returns the current revision. A start below the
// compact revision is no error here: the first Delivery says so.
func (g *Group) Watch(id int64, key, end []byte, startRevision int64, o Options) (int64, error) {
	s, err := newSpan(key, end)
	if err != nil {
		return 0, err
	}
	w := &watcher{
		group: g, id: id, key: bytes.Clone(key), end: bytes.Clone(end), span: s, options: o,
		start: max(startRevision, 0), asked: startRevision,
	}
	h := g.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.revision.Load()
	if startRevision == 0 {
		w.start = now + 1
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, ErrClosed
	}
	if _, ok := g.watchers[id]; ok {
		return 0, ErrDuplicateID
	}
	g.watchers[id] = w
	h.index.add(w)
	h.metrics.watchers.Inc()
	if w.start <= now {
		w.compacted = w.start < h.history.CompactRevision()
		w.next, w.upto = w.start, now
		g.enqueue(w)
	}
	return now, nil
}

// Cancel ends a watch; false when there is no such. A delivery of it that
// Next has not returned yet is dropped.
func (g *Group) Cancel(id int64) bool {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.watchers[id]
	if w == nil {
		return false
	}
	g.end(w)
	return true
}

// Close ends all watches of the group and wakes Next.
func (g *Group) Close() {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	g.hub.drop(g)
}

// end forgets w. REQUIRES: hub's and group's mu held, w not ended.
func (g *Group) end(w *watcher) {
	w.ended = true
	delete(g.watchers, w.id)
	g.hub.index.remove(w)
	g.hub.metrics.watchers.Dec()
	g.leaveHistory(w)
}

// close marks the group closed and returns the watchers to forget.
func (g *Group) close() []*watcher {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*watcher, 0, len(g.watchers))
	for _, w := range g.watchers {
		w.ended = true
		g.leaveHistory(w)
		all = append(all, w)
	}
	g.watchers, g.ready, g.closed = nil, nil, true
	close(g.done)
	return all
}

// leaveHistory keeps the count of slow watchers. REQUIRES: mu held.
func (g *Group) leaveHistory(w *watcher) {
	if w.history {
		w.history = false
		g.hub.metrics.slow.Dec()
	}
}

// mark notes that revision has something for w. A revision of several keys is
// marked once for each, and the watcher may have had its turn in between: what
// the cursor has passed was given and must not be given again (I1).
func (g *Group) mark(w *watcher, revision int64) {
	if revision < w.start {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.ended || revision < w.next {
		return
	}
	w.upto = revision
	if !w.queued {
		w.next = revision
		g.enqueue(w)
	}
}

// reset queues all watchers for the history of a state at revision that took
// the place of one at old.
func (g *Group) reset(old, revision int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.watchers {
		if w.queued {
			w.upto = max(w.upto, revision)
		} else if next := max(old+1, w.start); next <= revision {
			w.next, w.upto = next, revision
			g.enqueue(w)
		}
	}
}

// enqueue appends w to the ready list. REQUIRES: mu held.
func (g *Group) enqueue(w *watcher) {
	w.queued = true
	g.ready = append(g.ready, w)
	g.signal()
}

// signal wakes Next.
func (g *Group) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Next waits for and returns what the group is to be given next. Its watches
// take turns; one turn is bounded work. Calling Next says that the delivery
// before was handled: only then does progress count it. It returns ErrClosed,
// ctx's error, or the engine's when history cannot be read.
func (g *Group) Next(ctx context.Context) (*Delivery, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w, progress, err := g.pop()
		switch {
		case err != nil:
			return nil, err
		case progress != nil:
			return progress, nil
		case w != nil:
			if d, err := g.turn(ctx, w); d != nil || err != nil {
				return d, err
			}
			continue
		}
		select {
		case <-g.wake:
		case <-g.done:
		case <-ctx.Done():
		}
	}
}

// pop takes the next watcher to have its turn, or a progress delivery that is
// due, or neither when there is nothing to do.
func (g *Group) pop() (*watcher, *Delivery, error) {
	now := g.published() // before the watchers are looked at (I4)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turning = nil
	if g.closed {
		return nil, nil, ErrClosed
	}
	if d := g.answer(now); d != nil {
		return nil, d, nil
	}
	for len(g.ready) > 0 {
		w := g.ready[0]
		g.ready[0] = nil
		g.ready = g.ready[1:]
		if !w.ended {
			g.turning = w
			return w, nil, nil
		}
	}
	return nil, nil, nil
}
