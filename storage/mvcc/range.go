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
	// Range's. Each and Stream do not call it.
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
		return s.rangeNewest(ctx, key, o)
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
	c := collector{keysOnly: o.KeysOnly, charge: o.Charge}
	r, err := v.visit(ctx, key, end, o, c.add)
	if err == nil {
		err = c.settle()
	}
	if err != nil {
		return nil, err
	}
	r.KVs = c.kvs
	return r, nil
}

// visit reads a range as the view sees it and hands each key to add, whose error ends it. The result has no KVs.
func (v *view) visit(ctx context.Context, key, end []byte, o RangeOptions, add func(item) error) (*RangeResult, error) {
	r := &RangeResult{Revision: v.current}
	switch {
	case len(end) == 0: // a single seek
		it, ok, err := v.get(key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return r, nil
		}
		r.Count = 1
		if o.CountOnly {
			return r, nil
		}
		if err := add(it); err != nil {
			return nil, err
		}
		return r, nil
	case emptyRange(key, end):
		return r, nil
	case o.CountOnly:
		var err error
		r.Count, err = v.count(ctx, key, end)
		return r, err
	}
	scan := v.scan
	if o.KeysOnly && v.headsExact {
		scan = v.scanHeads
	}
	var added int64
	var refused error
	err := scan(ctx, key, end, func(it item) bool {
		added++
		refused = add(it)
		return refused == nil && added != o.Limit
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	r.Count = added
	if added > 0 && added == o.Limit {
		if r.Count, err = v.count(ctx, key, end); err != nil {
			return nil, err
		}
		r.More = r.Count > added
	}
	return r, nil
}

// emptyRange says that [key, end) can hold nothing: etcd answers such a range
// with no keys and no error.
func emptyRange(key, end []byte) bool {
	return len(end) != 0 && !schema.IsFromKey(end) && bytes.Compare(key, end) >= 0
}
