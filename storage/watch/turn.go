package watch

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// turn moves w's cursor by a bounded amount and returns what it found; nil
// when that is nothing.
func (g *Group) turn(ctx context.Context, w *watcher) (*Delivery, error) {
	now := g.hub.revision.Load() // before upto is read (I4)
	g.mu.Lock()
	q := Query{Key: w.key, End: w.end, From: w.next, To: w.upto, Options: w.options, Limits: g.hub.limits}
	compacted := w.compacted
	g.mu.Unlock()

	var p Page
	var slow bool
	var err error
	if compacted {
		p.CompactRevision = g.hub.history.CompactRevision()
	} else {
		p, slow, err = g.hub.read(ctx, w, q)
	}
	if p.CompactRevision != 0 {
		return g.compacted(w, now, p.CompactRevision), nil
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if w.ended {
		return nil, nil
	}
	if err != nil {
		g.enqueue(w)
		return nil, err
	}
	if slow && !w.history {
		w.history = true
		g.hub.metrics.slow.Inc()
	}
	w.next = p.Next
	d := &Delivery{ID: w.id, Events: p.Events, Revision: w.next - 1}
	if w.next > w.upto {
		w.queued = false
		g.leaveHistory(w)
		d.Revision = max(d.Revision, now)
	} else {
		g.enqueue(w)
	}
	if len(d.Events) == 0 {
		return nil, nil
	}
	g.given = max(g.given, w.next-1)
	return d, nil
}

// compacted ends w, whose history is gone.
func (g *Group) compacted(w *watcher, now, compact int64) *Delivery {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.ended {
		return nil
	}
	g.end(w)
	return &Delivery{ID: w.id, Revision: now, CompactRevision: compact}
}

// read reads q from the ring, or from history when q.From has left the ring.
func (h *Hub) read(ctx context.Context, w *watcher, q Query) (p Page, slow bool, err error) {
	if p, ok, err := h.readRing(w, q); ok || err != nil {
		return p, false, err
	}
	select {
	case h.readers <- struct{}{}:
	case <-ctx.Done():
		return Page{}, true, ctx.Err()
	}
	defer func() { <-h.readers }()
	p, err = h.history.Events(ctx, q)
	return p, true, err
}

// readRing reads q from the ring; ok is false when q.From has left it.
func (h *Hub) readRing(w *watcher, q Query) (p Page, ok bool, err error) {
	var room [128]*slot
	var size, rows int
	p.Next = q.From
	for p.Next <= q.To {
		slots, ok := h.ring.copyOut(room[:0], p.Next)
		if !ok || len(slots) == 0 {
			// Between two copies the ring went past: what was read stands.
			return p, p.Next > q.From, nil
		}
		for _, s := range slots {
			if s.revision > q.To || len(p.Events) >= q.Limits.Events || size >= q.Bytes || rows >= q.Rows {
				return p, true, nil
			}
			for i := range s.changes {
				ev, err := h.pick(w, s, &s.changes[i])
				if err != nil {
					return Page{}, true, err
				}
				if ev != nil {
					p.Events = append(p.Events, ev)
					size += len(ev.Kv.Key) + len(ev.Kv.Value)
					if ev.PrevKv != nil {
						size += len(ev.PrevKv.Key) + len(ev.PrevKv.Value)
					}
				}
			}
			rows += len(s.changes)
			p.Next = s.revision + 1
		}
	}
	return p, true, nil
}

// pick returns the event that w gets of a change of s, nil if none.
func (h *Hub) pick(w *watcher, s *slot, c *change) (*mvccpb.Event, error) {
	ev := c.event
	deleted := ev.Type == mvccpb.Event_DELETE
	if !w.span.contains(ev.Kv.Key) || !w.options.wants(deleted) {
		return nil, nil
	}
	if !w.options.PrevKV || !deleted && ev.Kv.CreateRevision == ev.Kv.ModRevision {
		return ev, nil
	}
	// What is compacted is not shown, also when an earlier watcher had it looked up: whether one had must not be seen.
	if ev.Kv.ModRevision-1 < h.history.CompactRevision() {
		return ev, nil
	}
	if full := c.withPrev.Load(); full != nil {
		return full, nil
	}
	prev, err := h.history.Previous(ev.Kv.Key, ev.Kv.ModRevision)
	if err != nil {
		return nil, err
	}
	if prev == nil {
		return ev, nil
	}
	full := &mvccpb.Event{Type: ev.Type, Kv: ev.Kv, PrevKv: prev}
	if c.withPrev.CompareAndSwap(nil, full) {
		h.ring.charge(s, len(prev.Key)+len(prev.Value))
	}
	return full, nil
}
