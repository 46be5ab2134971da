package engine

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/petcd/petcd/storage/schema"
)

// Batch collects writes that reach the engine at once, or not at all. It is
// not readable until Index is called, which keeps the common batch of plain
// puts as cheap as appending to a buffer.
type Batch struct {
	db      *DB
	pb      *pebble.Batch
	indexed bool
	applied uint64
}

// NewBatch returns an empty batch. End it with Commit or Close.
func (d *DB) NewBatch() *Batch { return &Batch{db: d, pb: d.pdb.NewBatch()} }

// Set writes a record. Both arguments are copied.
func (b *Batch) Set(key, value []byte) error { return wrap("set", b.pb.Set(key, value, nil)) }

// Delete removes a record.
func (b *Batch) Delete(key []byte) error { return wrap("delete", b.pb.Delete(key, nil)) }

// DeleteRange removes all records in [lower, upper).
func (b *Batch) DeleteRange(lower, upper []byte) error {
	return wrap("delete range", b.pb.DeleteRange(lower, upper, nil))
}

// Reserve begins a record whose key and value the caller writes in place:
// fill both slices wholly, then call Done before the batch's next call.
func (b *Batch) Reserve(keyLen, valueLen int) Reserved {
	op := b.pb.SetDeferred(keyLen, valueLen)
	return Reserved{Key: op.Key, Value: op.Value, op: op}
}

// Reserved is a record of a batch that is being filled in place.
type Reserved struct {
	Key, Value []byte

	op *pebble.DeferredBatchOp
}

// Done ends the record.
func (r Reserved) Done() error { return wrap("set", r.op.Finish()) }

// SetApplied writes the applied record. Every batch of the apply loop does so
// exactly once, last.
func (b *Batch) SetApplied(a schema.Applied) error {
	b.applied = a.Index
	r := b.Reserve(len(appliedKey), schema.AppliedLen)
	copy(r.Key, appliedKey)
	schema.AppendApplied(r.Value[:0], a)
	return r.Done()
}

// Index makes what was written so far, and all that follows, visible to the
// iterators of NewIter. It copies the batch once; later writes pay for the
// index.
func (b *Batch) Index() error {
	if b.indexed {
		return nil
	}
	idx := b.db.pdb.NewIndexedBatch()
	if err := idx.Apply(b.pb, nil); err != nil {
		return errors.Join(wrap("index batch", err), wrap("close", idx.Close()))
	}
	err := b.pb.Close()
	b.pb, b.indexed = idx, true
	return wrap("close", err)
}

// NewIter returns an iterator over the engine overlaid with the batch's writes
// as of this call. It is an error to call it before Index unless the batch is
// empty.
func (b *Batch) NewIter(o IterOptions) (*Iter, error) {
	if !b.indexed {
		if !b.pb.Empty() {
			return nil, errors.New("engine: batch is not indexed")
		}
		return b.db.NewIter(o)
	}
	it, err := b.pb.NewIter(o.pebble())
	if err != nil {
		return nil, wrap("iterate over batch", err)
	}
	return &Iter{it: it}, nil
}

// Commit makes the batch visible to readers at once. It is durable only when
// DurableApplied says so. The batch is of no more use, also on error.
func (b *Batch) Commit() error {
	if err := b.pb.Commit(pebble.NoSync); err != nil {
		return wrap("commit", err)
	}
	if b.applied != 0 {
		b.db.written.Store(b.applied)
	}
	return wrap("close", b.pb.Close())
}

// Close drops a batch that was not committed.
func (b *Batch) Close() error { return wrap("close", b.pb.Close()) }
