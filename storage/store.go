package storage

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/v2store"
	"github.com/petcd/petcd/storage/watch"
)

// Store is a member's state, open.
type Store struct {
	dir     string
	o       Options
	lock    io.Closer
	metrics []prometheus.Collector

	ops        opCounters
	seconds    durations
	hub        *watch.Hub
	compaction *mvcc.CompactionMetrics
	folders    folderNames
	v2hub      *v2store.Hub
	v2counters v2store.Counters
	v2auth     atomic.Uint64 // see V2AuthVersion

	removals sync.WaitGroup // of states that were replaced

	// state is nil once the store is closed.
	state atomic.Pointer[state]
}

// Open opens the state in dir, or begins an empty one when dir is new. It
// fails with ErrCorrupt or ErrForeign, and leaves dir as it was, when what is
// there cannot be used.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := makeFolder(o.FS, dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(o.FS, dir)
	if err != nil {
		return nil, err
	}
	s, err := open(dir, o)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, nil
}

// open is Open once dir is there and locked.
func open(dir string, o Options) (*Store, error) {
	folder, err := locate(dir, o)
	if err != nil {
		return nil, err
	}
	st, err := openState(o.FS.PathJoin(dir, folder), o)
	if err != nil {
		return nil, err
	}
	if err := removeLeftovers(o.FS, dir, folder); err != nil {
		st.release()
		return nil, errors.Join(err, st.err)
	}
	s := &Store{dir: dir, o: o, ops: newOpCounters(), seconds: newDurations(), compaction: mvcc.NewCompactionMetrics()}
	if err := s.startCompactor(st); err != nil {
		st.release()
		return nil, errors.Join(err, st.err)
	}
	st.loadHeads(o.Logger)
	s.state.Store(st)
	s.hub = watch.NewHub(watch.Config{
		History:    history{s},
		Revision:   st.kv.Revision(),
		RingEvents: o.WatchRingEvents,
		RingBytes:  o.WatchRingBytes,
	})
	if s.v2hub, err = v2store.NewHub(v2history{s}); err != nil {
		s.state.Store(nil)
		s.hub.Close()
		st.stop()
		st.release()
		return nil, errors.Join(err, st.err)
	}
	s.register()
	return s, nil
}

// Close waits for running readers and closes the state. It does not flush:
// the log has what is not durable here.
func (s *Store) Close() error {
	st := s.state.Swap(nil)
	if st == nil {
		return ErrClosed
	}
	s.unregister()
	s.hub.Close()
	s.v2hub.Close()
	st.stop()
	st.release()
	<-st.closed
	s.removals.Wait()
	return errors.Join(st.err, s.lock.Close())
}

// acquire returns the state with a reference; release it.
func (s *Store) acquire() (*state, error) {
	for {
		st := s.state.Load()
		if st == nil {
			return nil, ErrClosed
		}
		if st.retain() {
			return st, nil
		}
	}
}

// Applied is the Raft index and term of the newest entry in the state.
func (s *Store) Applied() (index, term uint64) {
	st, err := s.acquire()
	if err != nil {
		return 0, 0
	}
	defer st.release()
	a := st.applied.Load()
	return a.Index, a.Term
}

// DurableApplied is the index of the newest entry that a crash now would
// leave in the state. The log must keep all after it.
func (s *Store) DurableApplied() uint64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.db.DurableApplied()
}

// Flush makes the state as of Applied durable.
func (s *Store) Flush() error {
	st, err := s.acquire()
	if err != nil {
		return err
	}
	defer st.release()
	return st.db.Flush()
}

// Revision is the newest revision; 1 in a new store.
func (s *Store) Revision() int64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.kv.Revision()
}

// CompactRevision is the revision below which reads fail with
// mvcc.ErrCompacted; -1 in a store that was never compacted.
func (s *Store) CompactRevision() int64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.kv.CompactRevision()
}

// Keys is the number of live keys.
func (s *Store) Keys() int64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.kv.Keys()
}

// Size returns the bytes the state takes on disk, and an estimate of those
// that a full compaction would leave.
func (s *Store) Size() (total, inUse int64) {
	st, err := s.acquire()
	if err != nil {
		return 0, 0
	}
	defer st.release()
	return st.db.Size()
}

// String names the store in logs.
func (s *Store) String() string { return fmt.Sprintf("store in %s", s.dir) }
