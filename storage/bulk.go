package storage

import (
	"errors"

	"github.com/petcd/petcd/storage/engine"
)

// bulkBytes is how much bulk collects before it commits.
const bulkBytes = 4 << 20

// bulk writes many records into an engine that nobody reads meanwhile, with no
// more in memory than a batch.
type bulk struct {
	db      *engine.DB
	b       *engine.Batch
	pending int
}

// newBulk begins. End it with flush or drop.
func newBulk(db *engine.DB) *bulk { return &bulk{db: db, b: db.NewBatch()} }

// set writes a record; both slices are copied.
func (w *bulk) set(key, value []byte) error {
	if err := w.b.Set(key, value); err != nil {
		return err
	}
	return w.added(len(key) + len(value))
}

// delete removes a record.
func (w *bulk) delete(key []byte) error {
	if err := w.b.Delete(key); err != nil {
		return err
	}
	return w.added(len(key))
}

// added commits when enough is there.
func (w *bulk) added(n int) error {
	if w.pending += n; w.pending < bulkBytes {
		return nil
	}
	return w.commit()
}

// commit shows what was written to iterators that are opened after it.
func (w *bulk) commit() error {
	b := w.b
	w.b, w.pending = w.db.NewBatch(), 0
	return b.Commit()
}

// flush makes all that was written durable.
func (w *bulk) flush() error {
	if err := w.commit(); err != nil {
		return err
	}
	return errors.Join(w.b.Close(), w.db.Flush())
}

// drop forgets what was not committed.
func (w *bulk) drop() error { return w.b.Close() }
