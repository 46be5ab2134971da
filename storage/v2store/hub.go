package v2store

import (
	"errors"
	"sync"
)

// History is where events are read that have left memory, and where a new hub
// begins.
type History interface {
	// Event returns the event of an index, nil when it is not kept.
	Event(index uint64) (*Event, error)
	// EachEvent calls fn with all events that are kept, oldest first.
	EachEvent(fn func(*Event)) error
	// Index is the tree's index.
	Index() uint64
}

// Hub is who watches. A change costs it the watchers of its path and of the
// directories above, and those of the paths that went with a directory; all
// others are not looked at.
type Hub struct {
	mu       sync.Mutex
	history  History
	ring     ring
	watched  map[string]*watched
	watchers int
	closed   bool
}

// watched is the watchers of one path.
type watched struct{ exact, recursive list }

// NewHub returns the hub of a history, without watchers.
func NewHub(history History) (*Hub, error) {
	h := &Hub{history: history, watched: map[string]*watched{}}
	return h, h.ring.load(history)
}

// load fills a ring that is empty.
func (r *ring) load(history History) error {
	var broken bool
	err := history.EachEvent(func(e *Event) {
		broken = broken || r.count > 0 && e.Index != r.last+1
		if !broken {
			r.add(e, false)
		}
	})
	if err == nil && (broken || r.count > 0 && r.last != history.Index()) {
		err = corrupt(errors.New("v2store: the events have gaps"))
	}
	r.last = history.Index()
	return err
}

// Watch begins a watch of a path, with recursive of all that lies under it, for
// the changes from the index since on; 0 is from now on. Without stream it ends
// with the first. The error is *Error when since is not kept any more.
func (h *Hub) Watch(path string, recursive, stream bool, since uint64) (*Watcher, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrWatchEnded
	}
	if since == 0 {
		since = h.ring.last + 1
	}
	if since < h.ring.first() {
		return nil, h.cleared(since)
	}
	w := &Watcher{
		hub: h, path: clean(path), recursive: recursive, stream: stream,
		since: since, start: h.ring.last, next: since, wake: make(chan struct{}, 1),
	}
	if h.search(w); w.pending == 0 || stream {
		h.insert(w)
	} else {
		w.err = ErrWatchEnded
	}
	return w, nil
}

// search finds the next event for w among those that it was not matched with
// yet. REQUIRES: mu held, no event is pending.
func (h *Hub) search(w *Watcher) {
	for ; w.next <= h.ring.last; w.next++ {
		s := h.ring.at(w.next)
		if s.undecided(w.path) {
			whole, err := h.whole(s, w.next)
			if err != nil || whole == nil { // who reads the event is told why
				w.pending = w.next
				w.next++
				return
			}
			s = whole
		}
		if past := w.next <= w.start || !s.live; past && w.wantsPast(s) || !past && w.wants(s) {
			w.pending = w.next
			w.next++
			return
		}
	}
}

// whole is a slot with all of its key, from the event's record; nil when that is
// not kept. REQUIRES: mu held.
func (h *Hub) whole(s *slot, index uint64) (*slot, error) {
	e, err := h.history.Event(index)
	if err != nil || e == nil {
		return nil, err
	}
	w := *s
	w.key, w.cut = e.Node.Key, false
	return &w, nil
}

// Publish shows watchers the changes of a batch.
func (h *Hub) Publish(changes []Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		s := h.ring.add(c.Event, true)
		if !s.refresh {
			h.notify(c, s)
		}
	}
}

// notify wakes those whom an event is for. REQUIRES: mu held.
func (h *Hub) notify(c *Change, s *slot) {
	if len(h.watched) == 0 {
		return
	}
	index := c.Event.Index
	if at := h.watched[s.key]; at != nil {
		h.wake(&at.exact, s, index)
		h.wake(&at.recursive, s, index)
	}
	for dir := s.key; dir != "/"; {
		dir = parent(dir)
		if at := h.watched[dir]; at != nil {
			h.wake(&at.recursive, s, index)
		}
	}
	for _, path := range c.Removed {
		at := h.watched[path]
		if at == nil {
			continue
		}
		if s.woken == nil {
			s.woken = map[string]bool{}
		}
		s.woken[path] = true
		h.wake(&at.exact, s, index)
		h.wake(&at.recursive, s, index)
	}
}

// wake gives an event to the watchers of a list that it is for. One that has
// one already finds this one later. REQUIRES: mu held.
func (h *Hub) wake(l *list, s *slot, index uint64) {
	for w := l.first; w != nil; {
		after := w.links.next
		if w.pending == 0 && index >= w.since && w.next <= index && w.wants(s) {
			w.pending, w.next = index, index+1
			w.signal()
			if !w.stream {
				h.end(w, ErrWatchEnded)
			}
		}
		w = after
	}
}

// insert adds a watcher. REQUIRES: mu held.
func (h *Hub) insert(w *Watcher) {
	at := h.watched[w.path]
	if at == nil {
		at = &watched{}
		h.watched[w.path] = at
	}
	at.list(w).push(w)
	h.watchers++
}

// end removes a watcher, if it is there; what is pending it still gets.
// REQUIRES: mu held.
func (h *Hub) end(w *Watcher, err error) {
	if w.err == nil {
		w.err = err
		w.signal()
	}
	at := h.watched[w.path]
	if w.links.in == nil {
		return
	}
	w.links.in.remove(w)
	h.watchers--
	if at.exact.first == nil && at.recursive.first == nil {
		delete(h.watched, w.path)
	}
}

// Watchers is the number of watchers that wait for changes.
func (h *Hub) Watchers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watchers
}

// read reads an event that has left memory.
func (h *Hub) read(index uint64) (*Event, error) {
	e, err := h.history.Event(index)
	if err != nil || e != nil {
		return e, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return nil, h.cleared(index)
}

// Reset makes the history another, that of a newer state. Watchers go on with
// what it has; those that would miss something end.
func (h *Hub) Reset() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.ring.last
	h.ring = ring{}
	err := h.ring.load(h.history)
	for _, w := range h.all() {
		switch {
		case err != nil:
			h.end(w, err)
		case w.pending != 0: // take looks whether it is still there
		case max(known+1, w.since) < h.ring.first():
			h.end(w, h.cleared(known+1))
		default:
			w.next = max(known+1, w.since)
			if h.search(w); w.pending != 0 {
				w.signal()
				if !w.stream {
					h.end(w, ErrWatchEnded)
				}
			}
		}
	}
	return err
}

// all lists the watchers. REQUIRES: mu held.
func (h *Hub) all() (ws []*Watcher) {
	for _, at := range h.watched {
		for _, l := range []*list{&at.exact, &at.recursive} {
			for w := l.first; w != nil; w = w.links.next {
				ws = append(ws, w)
			}
		}
	}
	return ws
}

// Close ends all watches.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, w := range h.all() {
		h.end(w, ErrWatchEnded)
	}
}
