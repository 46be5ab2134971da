package lease

import (
	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Writer is the lease table's part in one batch of the apply loop. After the
// batch is committed call Publish; a dropped batch needs nothing.
type Writer struct {
	t *Table
	b *engine.Batch

	changed  map[int64]*schema.Lease // nil: revoked
	attached bool                    // the batch has records of attached keys
}

// NewWriter begins to write into b.
func (t *Table) NewWriter(b *engine.Batch) *Writer { return &Writer{t: t, b: b} }

// Exists says whether a lease is granted, as of all that the batch did.
func (w *Writer) Exists(id int64) bool {
	_, ok := w.get(id)
	return ok
}

// Grant adds a lease.
func (w *Writer) Grant(id, ttl int64) error {
	if w.Exists(id) {
		return ErrExists
	}
	return w.set(id, schema.Lease{TTL: ttl})
}

// Checkpoint notes how many seconds a lease has left, for the next leader.
func (w *Writer) Checkpoint(id, remaining int64) error {
	l, ok := w.get(id)
	if !ok {
		return ErrNotFound
	}
	l.Remaining = remaining
	return w.set(id, l)
}

// Revoke removes a lease and returns the keys that were attached to it, in
// order. The caller deletes them, and detaches each as for any deleted key.
func (w *Writer) Revoke(id int64) ([][]byte, error) {
	if !w.Exists(id) {
		return nil, ErrNotFound
	}
	keys, err := w.Keys(id)
	if err != nil {
		return nil, err
	}
	w.change(id, nil)
	return keys, w.b.Delete(schema.AppendLeaseKey(nil, id))
}

// Attach notes that a key was put with a lease.
func (w *Writer) Attach(id int64, key []byte) error {
	w.attached = true
	r := w.b.Reserve(schema.LeaseKeyKeyLen(key), 0)
	schema.AppendLeaseKeyKey(r.Key[:0], id, key)
	return r.Done()
}

// Detach notes that a key of a lease was deleted, or put with another lease
// or none.
func (w *Writer) Detach(id int64, key []byte) error {
	w.attached = true
	var buf [128]byte
	return w.b.Delete(schema.AppendLeaseKeyKey(buf[:0], id, key))
}

// Publish shows readers what the committed batch changed.
func (w *Writer) Publish() {
	if len(w.changed) == 0 {
		return
	}
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	for id, l := range w.changed {
		if l == nil {
			delete(w.t.leases, id)
		} else {
			w.t.leases[id] = *l
		}
	}
}

// get returns a lease as of all that the batch did.
func (w *Writer) get(id int64) (schema.Lease, bool) {
	if l, ok := w.changed[id]; ok {
		if l == nil {
			return schema.Lease{}, false
		}
		return *l, true
	}
	w.t.mu.RLock()
	defer w.t.mu.RUnlock()
	l, ok := w.t.leases[id]
	return l, ok
}

// set writes a lease.
func (w *Writer) set(id int64, l schema.Lease) error {
	w.change(id, &l)
	return w.b.Set(schema.AppendLeaseKey(nil, id), schema.AppendLease(nil, l))
}

// change notes what readers shall see after the commit.
func (w *Writer) change(id int64, l *schema.Lease) {
	if w.changed == nil {
		w.changed = make(map[int64]*schema.Lease)
	}
	w.changed[id] = l
}

// Keys lists the keys of a lease as of all that the batch did.
func (w *Writer) Keys(id int64) ([][]byte, error) {
	if !w.attached {
		return w.t.Keys(id)
	}
	if err := w.b.Index(); err != nil {
		return nil, err
	}
	lower, upper := schema.LeaseKeysBounds(id)
	it, err := w.b.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return nil, err
	}
	return attachedKeys(it)
}
