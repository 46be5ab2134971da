package storage

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/schema"
)

// Head is what is known of a key without reading its value; see schema.
type Head = schema.Head

// Tx is one log entry's changes of keys. They share one revision, and the Tx
// sees all that the batch did before it and its own writes.
type Tx struct {
	b  *Batch
	kv *mvcc.Tx

	ranges, puts, deletes, putBytes int // for the metrics
}

// Put sets a key, with a lease unless that is 0. It fails with
// lease.ErrNotFound, and writes nothing, when there is no such lease. The
// slices must not change after.
func (t *Tx) Put(key, value []byte, leaseID int64) error {
	if leaseID != 0 && !t.b.leases.Exists(leaseID) {
		return lease.ErrNotFound
	}
	t.puts++
	t.putBytes += len(key) + len(value)
	before, err := t.kv.Put(key, value, leaseID)
	if err != nil || before.Lease == leaseID {
		return err
	}
	if err := t.detach(key, before); err != nil {
		return err
	}
	if leaseID == 0 {
		return nil
	}
	return t.b.leases.Attach(leaseID, key)
}

// DeleteRange deletes the keys in [key, end) and returns their number.
func (t *Tx) DeleteRange(key, end []byte) (deleted int64, err error) {
	t.deletes++
	return t.kv.DeleteRange(key, end, t.detach)
}

// detach takes a key off the lease it had.
func (t *Tx) detach(key []byte, was schema.Head) error {
	if was.Lease == 0 {
		return nil
	}
	return t.b.leases.Detach(was.Lease, key)
}

// Head returns the head of a key; Version 0 when the key does not exist. It
// is the cheapest way to compare a key's version, revisions or lease.
func (t *Tx) Head(key []byte) (Head, error) { return t.kv.Head(key) }

// Get returns a key, nil when it does not exist.
func (t *Tx) Get(key []byte) (*mvccpb.KeyValue, error) { return t.kv.Get(key) }

// Range reads as Store.Range does; revision 0 includes the Tx's own writes.
func (t *Tx) Range(ctx context.Context, key, end []byte, o RangeOptions) (*RangeResult, error) {
	t.ranges++
	return t.kv.Range(ctx, key, end, o)
}

// Revision is the revision that a read in this Tx sees: that of its own
// changes once there are any.
func (t *Tx) Revision() int64 { return t.kv.Revision() }

// End ends the Tx and returns the store's revision after it: one more than
// before if it changed anything.
func (t *Tx) End() int64 {
	t.b.s.ops.add(t)
	return t.kv.End()
}
