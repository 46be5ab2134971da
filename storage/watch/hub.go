package watch

import (
	"sync"
	"sync/atomic"
)

// Config says what a Hub works with. The zero limits are usable.
type Config struct {
	History    History
	Revision   int64 // the store's current revision
	RingEvents int   // events the ring holds at most; 0: 32768
	RingBytes  int   // bytes of them at most; 0: 32 MiB
	Turn       Limits
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	if c.RingEvents == 0 {
		c.RingEvents = 32768
	}
	if c.RingBytes == 0 {
		c.RingBytes = 32 << 20
	}
	if c.Turn.Events == 0 {
		c.Turn.Events = 1000
	}
	if c.Turn.Bytes == 0 {
		c.Turn.Bytes = 1 << 20
	}
	if c.Turn.Rows == 0 {
		c.Turn.Rows = 16384
	}
	return c
}

// historyReaders is how many watchers read history at the same time at most:
// a storm of clients that come back must not take every core from the apply
// loop.
const historyReaders = 4

// Hub joins one store to all its watchers.
type Hub struct {
	history  History
	limits   Limits
	ring     ring
	readers  chan struct{} // a token per reader of history
	revision atomic.Int64  // newest published revision (I4)
	metrics  *metrics

	// mu guards what follows. Publish holds it shared, so that registering a
	// watcher sees either all or nothing of a publication.
	mu     sync.RWMutex
	index  index
	groups map[*Group]struct{}
	closed bool
}

// NewHub returns a hub whose ring is empty: events up to c.Revision are
// history.
func NewHub(c Config) *Hub {
	c = c.withDefaults()
	h := &Hub{
		history: c.History,
		limits:  c.Turn,
		ring:    ring{maxEvents: c.RingEvents, maxBytes: c.RingBytes, next: c.Revision + 1},
		readers: make(chan struct{}, historyReaders),
		metrics: newMetrics(),
		index:   index{keys: make(map[string]*bucket)},
		groups:  make(map[*Group]struct{}),
	}
	h.revision.Store(c.Revision)
	return h
}

// Revision is the newest revision whose events have been published.
func (h *Hub) Revision() int64 { return h.revision.Load() }

// Publish hands over the revisions of one committed batch, in order. The
// history must already hold them.
func (h *Hub) Publish(revisions []Revision) {
	if len(revisions) == 0 {
		return
	}
	slots := make([]*slot, len(revisions))
	for i, r := range revisions {
		slots[i] = newSlot(r)
		h.metrics.events.Add(float64(len(r.Events)))
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.ring.push(slots)
	for _, s := range slots {
		mark := func(w *watcher) { w.group.mark(w, s.revision) }
		for i := range s.changes {
			h.index.match(s.changes[i].event.Kv.Key, mark)
		}
	}
	h.revision.Store(slots[len(slots)-1].revision)
}

// Reset tells the hub that the state was replaced by one at revision. All
// watchers go on from where they were, by the new state's history.
func (h *Hub) Reset(revision int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.revision.Load()
	h.ring.reset(revision + 1)
	for g := range h.groups {
		g.reset(old, revision)
	}
	h.revision.Store(revision)
}

// NewGroup returns the watches of one client stream. After Close it is closed.
func (h *Hub) NewGroup() *Group {
	g := &Group{
		hub:      h,
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		watchers: make(map[int64]*watcher),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.metrics.streams.Inc()
	h.groups[g] = struct{}{}
	if h.closed {
		h.drop(g)
	}
	return g
}

// Close ends all groups.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for g := range h.groups {
		h.drop(g)
	}
}

// drop ends one group. REQUIRES: mu held.
func (h *Hub) drop(g *Group) {
	if _, ok := h.groups[g]; !ok {
		return
	}
	delete(h.groups, g)
	for _, w := range g.close() {
		h.index.remove(w)
		h.metrics.watchers.Dec()
	}
	h.metrics.streams.Dec()
}
