package mvcc

import (
	"github.com/petcd/petcd/storage/count"
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Writer is the revisions' part in one batch of the apply loop. There is one
// at a time; end it with Commit or Close.
type Writer struct {
	s *Store
	b *engine.Batch

	revision  int64 // as of the last Tx that ended
	compacted int64 // as of the last Compact in this batch
	counts    *count.Edit
	events    []Event
	dirty     []*head
	tx        Tx
}

// NewWriter begins to write into b.
func (s *Store) NewWriter(b *engine.Batch) *Writer {
	p := s.published.Load()
	return &Writer{s: s, b: b, revision: p.revision, compacted: s.CompactRevision(), counts: p.counts.Edit()}
}

// Revision is the newest revision, that of the batch's own changes included.
func (w *Writer) Revision() int64 { return w.revision }

// CompactRevision is the compact revision, the batch's own changes included.
func (w *Writer) CompactRevision() int64 { return w.compacted }

// Events are the changes of the batch so far, in order.
func (w *Writer) Events() []Event { return w.events }

// Begin starts the MVCC transaction of one log entry. The Tx is valid until
// its End, and no other may begin before.
func (w *Writer) Begin() *Tx {
	w.tx = Tx{w: w, revision: w.revision + 1}
	return &w.tx
}

// Commit writes the applied record, commits the batch and publishes what it
// changed to readers.
func (w *Writer) Commit(index, term uint64) error {
	counts, err := w.sealCounts()
	if err != nil {
		return err
	}
	if err := w.b.SetApplied(schema.Applied{Index: index, Term: term, Revision: w.revision}); err != nil {
		return err
	}
	s := w.s
	s.commits.Add(1)
	defer s.commits.Add(1)
	if err := w.b.Commit(); err != nil {
		return err
	}
	// Before the revision is published; see recent.
	for i := range w.events {
		s.recent.Forget(w.events[i].Key)
	}
	if old := s.published.Load(); w.revision != old.revision {
		s.published.Store(old.next(counted{w.revision, counts}, len(w.events), w.compacted))
	}
	// After the revision, which it may equal.
	s.compacted.Store(w.compacted)
	for _, h := range w.dirty {
		h.dirty, h.value = false, nil
	}
	s.heads.turn()
	return nil
}

// Close drops the batch and what it changed.
func (w *Writer) Close() error {
	// The cached heads are those of the dropped batch.
	w.s.heads.reset()
	return w.b.Close()
}
