package v2store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrWatchEnded is returned by Next when no more events will come: the one
// event of a watch that is not a stream was handed out, the watcher was closed,
// or the store.
var ErrWatchEnded = errors.New("v2store: watch ended")

// Watcher is one watch: a place in the history, and where to be woken. It holds
// no events, so one that nobody reads costs nothing. Close it.
type Watcher struct {
	hub       *Hub
	path      string
	recursive bool
	stream    bool
	since     uint64 // the first index that counts
	start     uint64 // the tree's index when the watch began
	wake      chan struct{}

	// Guarded by the hub's lock.
	next    uint64 // the first index that was not matched yet
	pending uint64 // the index of the event to hand out next; 0: none
	err     error  // what ends the watch, once pending is handed out
	links   links
}

// StartIndex is the tree's index when the watch began.
func (w *Watcher) StartIndex() uint64 { return w.start }

// Next waits for the next event. It returns *Error when the history that it
// should come from is gone, ErrWatchEnded at the end, or ctx's error.
func (w *Watcher) Next(ctx context.Context) (*Event, error) {
	for {
		index, event, err := w.take()
		switch {
		case err != nil:
			return nil, err
		case event != nil:
			return event, nil
		case index != 0:
			return w.hub.read(index)
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the watch. A Next that waits returns.
func (w *Watcher) Close() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.pending = 0
	w.hub.end(w, ErrWatchEnded)
}

// take takes the event that is next, or its index when the event is only on
// disk; neither when there is none yet.
func (w *Watcher) take() (index uint64, e *Event, err error) {
	h := w.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.pending == 0 {
		return 0, nil, w.err
	}
	index = w.pending
	if index < h.ring.first() {
		err := h.cleared(index)
		w.pending = 0
		h.end(w, err)
		return 0, nil, err
	}
	w.pending = 0
	if w.stream {
		w.next = index + 1
		h.search(w)
	}
	return index, h.ring.at(index).event, nil
}

// signal wakes Next.
func (w *Watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wants tells whether the watch is for an event that happened while it was
// there. The path of a directory that ended may lie above the watch: then it is
// for those whose own path went with it.
func (w *Watcher) wants(s *slot) bool {
	switch {
	case s.refresh:
		return false
	case s.key == w.path:
		return true
	case w.recursive && under(s.key, w.path):
		return !hiddenUnder(s.key, w.path)
	}
	return s.woken[w.path]
}

// wantsPast tells whether the watch is for an event of the past. As in etcd,
// hidden nodes are seen there, and a directory that ended is taken for a prefix
// of the watched path, "/ab" included for "/a".
func (w *Watcher) wantsPast(s *slot) bool {
	return !s.refresh && (s.key == w.path || w.recursive && under(s.key, w.path) || s.dir && strings.HasPrefix(w.path, s.key))
}

// cleared is the refusal of a watch from an index that is not kept any more.
// REQUIRES: the hub's lock held.
func (h *Hub) cleared(index uint64) error {
	return &Error{
		Code:  CodeIndexCleared,
		Cause: fmt.Sprintf("the requested history has been cleared [%d/%d]", h.ring.first(), index),
		Index: h.ring.last,
	}
}
