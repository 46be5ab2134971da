package mvcc

import (
	"bytes"
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/schema"
)

// RangeOptions choose what of a range is read.
type RangeOptions struct {
	Revision  int64 // 0 or less: the newest
	Limit     int64 // most keys to return; 0 or less: all
	CountOnly bool  // no keys at all
	KeysOnly  bool  // keys without values

	// Charge, unless nil, hears of the memory that the keys take, in pieces of about chargeBytes. Its error ends a Range, and is the
	// Range's. A Stream does not call it.
	Charge func(bytes int) error
}

const chargeBytes = 64 << 10

// RangeResult is what a range held. KVs are in key order and belong to the
// caller, but for the bytes of their values, which other readers may share, and for
// the key of a range of one key, which may be the one asked for.
type RangeResult struct {
	KVs      []*mvccpb.KeyValue
	Count    int64 // of the whole range, whatever the limit
	More     bool  // the limit cut keys off
	Revision int64 // the store's revision when the range was read
}

// Range reads the keys in [key, end), by etcd's convention for end, as of a
// revision.
func (s *Store) Range(ctx context.Context, key, end []byte, o RangeOptions) (*RangeResult, error) {
	if len(end) == 0 && o.Revision <= 0 && !o.CountOnly && !o.KeysOnly {
		return s.rangeNewest(key, o)
	}
	v, err := s.view(o.Revision)
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.rangeKeys(ctx, key, end, o)
}

// rangeKeys reads a range as the view sees it.
func (v *view) rangeKeys(ctx context.Context, key, end []byte, o RangeOptions) (*RangeResult, error) {
	r := &RangeResult{Revision: v.current}
	if len(end) == 0 {
		return r, v.rangeOne(r, key, o)
	}
	if emptyRange(key, end) {
		return r, nil
	}
	var err error
	if o.CountOnly {
		r.Count, err = v.count(ctx, key, end)
		return r, err
	}
	c := collector{limit: o.Limit, keysOnly: o.KeysOnly, charge: o.Charge}
	if o.KeysOnly && v.headsExact {
		err = v.scanHeads(ctx, key, end, c.add)
	} else {
		err = v.scan(ctx, key, end, c.add)
	}
	if err == nil {
		err = c.settle()
	}
	if err != nil {
		return nil, err
	}
	r.KVs = c.kvs
	r.Count = int64(len(c.kvs))
	if c.full() {
		if r.Count, err = v.count(ctx, key, end); err != nil {
			return nil, err
		}
		r.More = r.Count > int64(len(c.kvs))
	}
	return r, nil
}

// rangeOne reads one key: a single seek.
func (v *view) rangeOne(r *RangeResult, key []byte, o RangeOptions) error {
	it, ok, err := v.get(key)
	if err != nil || !ok {
		return err
	}
	r.Count = 1
	if !o.CountOnly {
		c := collector{keysOnly: o.KeysOnly, charge: o.Charge}
		c.add(it)
		r.KVs = c.kvs
		return c.settle()
	}
	return nil
}

// emptyRange says that [key, end) can hold nothing: etcd answers such a range
// with no keys and no error.
func emptyRange(key, end []byte) bool {
	return len(end) != 0 && !schema.IsFromKey(end) && bytes.Compare(key, end) >= 0
}
