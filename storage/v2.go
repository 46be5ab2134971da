package storage

import (
	"time"

	"github.com/petcd/petcd/storage/v2store"
)

// V2 is the batch's part in the v2 tree.
func (b *Batch) V2() *v2store.Writer {
	if b.v2 == nil {
		b.v2 = b.st.v2.NewWriter(b.eb, &b.s.v2counters)
	}
	return b.v2
}

// V2Get reads the v2 tree; see v2store.Tree.Get.
func (s *Store) V2Get(path string, recursive bool, now time.Time) (*v2store.Event, error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	e, err := st.v2.Get(path, recursive, now)
	s.v2counters.NoteGet(recursive, err)
	return e, err
}

// V2Watch watches the v2 tree; see v2store.Hub.Watch. Close the watcher.
func (s *Store) V2Watch(path string, recursive, stream bool, since uint64) (*v2store.Watcher, error) {
	s.v2counters.NoteWatch()
	return s.v2hub.Watch(path, recursive, stream, since)
}

// V2Index is the v2 tree's index: the number of its changes.
func (s *Store) V2Index() uint64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.v2.Index()
}

// V2AuthVersion is a number that moves whenever something at or below /2 in the
// v2 tree changes: once that can be read, and before Commit returns. Whoever
// reads the number, then the tree, has read nothing older than the number says.
func (s *Store) V2AuthVersion() uint64 { return s.v2auth.Load() }

// V2Stats is how often what was asked of the v2 tree on this member.
func (s *Store) V2Stats() v2store.Stats {
	stats := s.v2counters.Stats()
	stats.Watchers = uint64(s.v2hub.Watchers())
	return stats
}

// V2NextExpiry is when the next node of the v2 tree expires; false when none
// does.
func (s *Store) V2NextExpiry() (time.Time, bool, error) {
	st, err := s.acquire()
	if err != nil {
		return time.Time{}, false, err
	}
	defer st.release()
	return st.v2.NextExpiry()
}

// v2history is what the watchers of the v2 tree read.
type v2history struct{ s *Store }

// Event implements v2store.History.
func (h v2history) Event(index uint64) (*v2store.Event, error) {
	st, err := h.s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	return st.v2.Event(index)
}

// EachEvent implements v2store.History.
func (h v2history) EachEvent(fn func(*v2store.Event)) error {
	st, err := h.s.acquire()
	if err != nil {
		return err
	}
	defer st.release()
	return st.v2.EachEvent(fn)
}

// Index implements v2store.History.
func (h v2history) Index() uint64 { return h.s.V2Index() }

// V2 is the edit's part in the v2 tree.
func (e *Edit) V2() *v2store.Writer {
	if e.v2 == nil {
		e.v2 = e.st.v2.NewWriter(e.b, &v2store.Counters{})
	}
	return e.v2
}

// V2Walk is v2store.Tree.Walk.
func (s *Store) V2Walk(fn func(path string, n v2store.Stored) error) error {
	st, err := s.acquire()
	if err != nil {
		return err
	}
	defer st.release()
	return st.v2.Walk(fn)
}

// V2Walk is v2store.Tree.Walk.
func (s *Saved) V2Walk(fn func(path string, n v2store.Stored) error) error { return s.st.v2.Walk(fn) }

// V2Index is the v2 tree's index.
func (s *Saved) V2Index() uint64 { return s.st.v2.Index() }
