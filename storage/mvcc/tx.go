package mvcc

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Tx is one log entry's changes. All of them share one revision; they see
// everything before them in the batch, and each other.
type Tx struct {
	w        *Writer
	revision int64 // of the changes, if there are any
	changes  uint32
}

// End ends the transaction and returns the store's revision after it: one
// more than before if it changed anything.
func (t *Tx) End() int64 {
	if t.changes > 0 {
		t.w.revision = t.revision
	}
	return t.w.revision
}

// Revision is the revision that a read in this transaction sees: that of its
// own changes once there are any.
func (t *Tx) Revision() int64 {
	if t.changes > 0 {
		return t.revision
	}
	return t.w.revision
}

// Put sets a key. It returns what the key's head was before; Version 0 stands
// for a key that did not exist. The arguments must never change after.
func (t *Tx) Put(key, value []byte, lease int64) (before schema.Head, err error) {
	h, err := t.head(key)
	if err != nil {
		return schema.Head{}, err
	}
	mod := t.next()
	after := schema.Head{Create: mod.Main, Mod: mod, Version: 1, Lease: lease}
	if h.live {
		before = h.Head
		after.Create = before.Create
		after.Version = before.Version + 1
	}
	if err := t.w.setVersion(key, value, after); err != nil {
		return before, err
	}
	if err := t.w.setChange(mod, schema.Change{Created: !h.live, Key: key}); err != nil {
		return before, err
	}
	if err := t.w.setHead(key, after); err != nil {
		return before, err
	}
	if !h.live {
		t.w.counts.Add(key, +1)
	}
	t.w.touch(h)
	h.Head, h.live, h.value = after, true, value
	t.w.events = append(t.w.events, Event{
		Key: key, Value: value, Mod: mod, Create: after.Create, Version: after.Version, Lease: lease,
	})
	return before, nil
}

// Head returns the head of a key; Version 0 when the key does not exist.
func (t *Tx) Head(key []byte) (schema.Head, error) {
	h, err := t.head(key)
	if err != nil || !h.live {
		return schema.Head{}, err
	}
	return h.Head, nil
}

// Get returns a key as the transaction sees it, nil when it does not exist.
func (t *Tx) Get(key []byte) (*mvccpb.KeyValue, error) {
	h, err := t.head(key)
	if err != nil || !h.live {
		return nil, err
	}
	kv := headKeyValue(key, h)
	if h.dirty {
		kv.Value = h.value
		return kv, nil
	}
	kv.Value, err = t.w.s.value(key, h.Mod)
	return kv, err
}

// headKeyValue is a live key as clients see it, but for the value.
func headKeyValue(key []byte, h *head) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key:            key,
		CreateRevision: h.Create,
		ModRevision:    h.Mod.Main,
		Version:        h.Version,
		Lease:          h.Lease,
	}
}

// Range reads as Store.Range does, at the transaction's own revision or an
// older one.
func (t *Tx) Range(ctx context.Context, key, end []byte, o RangeOptions) (*RangeResult, error) {
	current := t.Revision()
	if o.Revision > current {
		return nil, ErrFutureRevision
	}
	if o.Revision <= 0 {
		o.Revision = current
	}
	if o.Revision < t.w.compacted {
		return nil, ErrCompacted
	}
	if len(end) == 0 && o.Revision == current {
		return t.rangeOne(key, o)
	}
	v, err := t.view(o.Revision)
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.rangeKeys(ctx, key, end, o)
}

// rangeOne reads one key at the transaction's revision from its head.
func (t *Tx) rangeOne(key []byte, o RangeOptions) (*RangeResult, error) {
	r := &RangeResult{Revision: t.Revision()}
	h, err := t.head(key)
	if err != nil || !h.live {
		return r, err
	}
	r.Count = 1
	switch {
	case o.CountOnly:
	case o.KeysOnly:
		r.KVs = []*mvccpb.KeyValue{headKeyValue(key, h)}
	default:
		kv, err := t.Get(key)
		if err != nil {
			return nil, err
		}
		r.KVs = []*mvccpb.KeyValue{kv}
	}
	return r, nil
}

// view opens a reader over the batch. What the batch wrote needs its index
// only when the revision is the batch's own.
func (t *Tx) view(revision int64) (*view, error) {
	p := t.w.s.published.Load()
	current := t.Revision()
	v := &view{revision: revision, current: current, compacted: t.w.compacted, headsExact: revision == current}
	var err error
	if revision > p.revision {
		v.counts, v.counted = t.w.counts, current
		v.it, err = t.iter(engine.IterOptions{})
	} else {
		v.counts, v.counted, v.past = p.counts, p.revision, p.past
		v.it, err = t.w.s.db.NewIter(engine.IterOptions{})
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// iter opens an iterator that sees the batch's changes of keys. The batch
// pays for its index from the first such read on.
func (t *Tx) iter(o engine.IterOptions) (*engine.Iter, error) {
	if len(t.w.dirty) == 0 {
		return t.w.s.db.NewIter(o)
	}
	if err := t.w.b.Index(); err != nil {
		return nil, err
	}
	return t.w.b.NewIter(o)
}

// head returns what the key's newest revision is to this transaction.
func (t *Tx) head(key []byte) (*head, error) { return t.w.s.heads.get(t.w.s.db, key) }

// next is the revision of the transaction's next change.
func (t *Tx) next() schema.Revision {
	r := schema.Revision{Main: t.revision, Sub: t.changes}
	t.changes++
	return r
}
