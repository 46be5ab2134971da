package mvcc

import (
	"github.com/petcd/petcd/storage/schema"
)

// Compact gives up history below a revision: with the batch, readers below it
// get ErrCompacted. What is superseded is removed later, by a Compactor. It
// fails with ErrCompacted when the compact revision is not below revision, and
// with ErrFutureRevision.
func (w *Writer) Compact(revision int64) error {
	switch {
	case revision <= w.compacted:
		return ErrCompacted
	case revision > w.revision:
		return ErrFutureRevision
	}
	key := schema.AppendRecordKey(nil, schema.TableState, []byte(schema.StateCompacted))
	if err := w.b.Set(key, schema.AppendCompacted(nil, revision)); err != nil {
		return err
	}
	w.compacted = revision
	return nil
}
