package storage

import (
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/v2store"
)

// Batch is everything that a run of log entries changes. Nothing of it is
// visible to readers before Commit, and all of it after. An error of any call
// but the sentinels of mvcc and lease, and *v2store.Error, leaves it unusable: Close it.
type Batch struct {
	s  *Store
	st *state

	eb     *engine.Batch
	kv     *mvcc.Writer
	leases *lease.Writer
	v2     *v2store.Writer // nil until something is asked of the v2 tree
	tx     Tx

	compacts bool // Compact was called
}

// NewBatch begins a batch. It belongs to the apply loop; end it with Commit
// or Close before the next. REQUIRES: the store is open.
func (s *Store) NewBatch() *Batch {
	st, err := s.acquire()
	if err != nil {
		panic("storage: NewBatch after Close")
	}
	eb := st.db.NewBatch()
	return &Batch{s: s, st: st, eb: eb, kv: st.kv.NewWriter(eb), leases: st.leases.NewWriter(eb)}
}

// Begin starts the MVCC transaction of one log entry. End it before the next.
func (b *Batch) Begin() *Tx {
	b.tx = Tx{b: b, kv: b.kv.Begin()}
	return &b.tx
}

// Revision is the newest revision, the batch's own changes included.
func (b *Batch) Revision() int64 { return b.kv.Revision() }

// CompactRevision is the compact revision, the batch's own compaction included.
func (b *Batch) CompactRevision() int64 { return b.kv.CompactRevision() }

// Commit makes the batch the state as of a log entry, and shows it to readers
// and watchers.
func (b *Batch) Commit(index, term uint64) error {
	defer b.st.release()
	if b.v2 != nil {
		if err := b.v2.Seal(); err != nil {
			return err
		}
	}
	if err := b.kv.Commit(index, term); err != nil {
		return err
	}
	b.leases.Publish()
	if b.v2 != nil {
		b.v2.Publish()
		if b.v2.TouchedAuth() {
			b.s.v2auth.Add(1)
		}
	}
	b.st.applied.Store(&schema.Applied{Index: index, Term: term, Revision: b.kv.Revision()})
	b.s.publish(b.kv.Events())
	if b.v2 != nil {
		b.s.v2hub.Publish(b.v2.Changes())
	}
	if b.compacts {
		b.st.compactor.Notify()
	}
	return nil
}

// Close drops a batch that was not committed.
func (b *Batch) Close() error {
	defer b.st.release()
	if b.v2 != nil {
		b.v2.Drop()
	}
	return b.kv.Close()
}
