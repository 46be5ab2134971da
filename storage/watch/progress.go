package watch

import "slices"

// AllWatches is the id, in RequestProgress and Delivery, of a group's watches
// together.
const AllWatches = -1

// request is a wish to be told progress that Next has not answered yet.
type request struct {
	id      int64
	atLeast int64 // answered when this revision is reached
}

// published is the hub's revision, never below what the group was given. A
// turn takes a revision from the ring as soon as its watcher is queued, which
// is before Publish, on its way to the other watchers, sets the hub's revision.
// Progress must not fall behind events, so it waits for Publish to end then.
func (g *Group) published() int64 {
	g.mu.Lock()
	given := g.given
	g.mu.Unlock()
	if now := g.hub.revision.Load(); now >= given {
		return now
	}
	g.hub.mu.Lock() // Publish holds it shared
	defer g.hub.mu.Unlock()
	return g.hub.revision.Load()
}

// Progress says how far a watch has come: every event up to the revision was
// handled by the caller of Next. synced is false while there is more for it,
// or its start revision lies ahead.
func (g *Group) Progress(id int64) (revision int64, synced bool) {
	now := g.published() // before the watcher is looked at (I4)
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.watchers[id]
	if w == nil {
		return 0, false
	}
	return now, !w.queued && g.turning != w && w.asked <= now
}

// ProgressAll is Progress of all watches of the group. It is true for a group
// without watches.
func (g *Group) ProgressAll() (revision int64, synced bool) {
	now := g.published() // before the watchers are looked at (I4)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.turning != nil || len(g.ready) > 0 {
		return now, false
	}
	return now, !g.awaits(now)
}

// awaits says whether a watch of the group was asked to start after now. As in
// etcd it has no progress until then, not even when it starts with the next
// revision.
// REQUIRES: mu held.
func (g *Group) awaits(now int64) bool {
	for _, w := range g.watchers {
		if w.asked > now {
			return true
		}
	}
	return false
}

// RequestProgress makes Next return a Delivery without events once the watch,
// or all of the group for AllWatches, has reached the revision that is current
// now. Being returned by Next it is in order with the events, and its revision
// is not below that of any of them. As in etcd there is no answer while a watch
// that it is about starts in the future, nor for an unknown id.
func (g *Group) RequestProgress(id int64) {
	now := g.hub.revision.Load()
	g.mu.Lock()
	defer g.mu.Unlock()
	if id == AllWatches {
		if len(g.watchers) == 0 || g.awaits(now) {
			return
		}
	} else if w := g.watchers[id]; w == nil || w.asked > now {
		return
	}
	i := slices.IndexFunc(g.requests, func(r request) bool { return r.id == id })
	if i < 0 {
		g.requests = append(g.requests, request{id: id, atLeast: now})
		g.signal()
	}
}

// answer returns the first request's delivery that is due. REQUIRES: mu held,
// no watcher in its turn, now read before mu was taken.
func (g *Group) answer(now int64) *Delivery {
	for i := 0; i < len(g.requests); i++ {
		r := g.requests[i]
		reached, atLeast := now, r.atLeast
		if r.id == AllWatches {
			// While one watch lags, others may be ahead of what all have.
			atLeast = max(atLeast, g.given)
			for _, w := range g.ready {
				if !w.ended {
					reached = min(reached, w.next-1)
				}
			}
		} else if w := g.watchers[r.id]; w == nil {
			g.requests = slices.Delete(g.requests, i, i+1)
			i--
			continue
		} else if w.queued {
			reached = min(reached, w.next-1)
		}
		if reached >= atLeast {
			g.requests = slices.Delete(g.requests, i, i+1)
			return &Delivery{ID: r.id, Revision: reached}
		}
	}
	return nil
}
