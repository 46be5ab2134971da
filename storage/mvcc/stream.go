package mvcc

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Stream reads as Range does, but hands the keys to fn in chunks of about
// chunkBytes as it goes, so that memory does not grow with the range. The
// result has no KVs. An error of fn ends the stream and is returned.
func (s *Store) Stream(ctx context.Context, key, end []byte, o RangeOptions, chunkBytes int,
	fn func([]*mvccpb.KeyValue) error,
) (*RangeResult, error) {
	v, err := s.view(o.Revision)
	if err != nil {
		return nil, err
	}
	defer v.close()
	if len(end) == 0 || o.CountOnly {
		r, err := v.rangeKeys(ctx, key, end, o)
		if err != nil || len(r.KVs) == 0 {
			return r, err
		}
		kvs := r.KVs
		r.KVs = nil
		return r, fn(kvs)
	}
	return v.stream(ctx, key, end, o, chunkBytes, fn)
}

// stream is Stream for more than one key.
func (v *view) stream(ctx context.Context, key, end []byte, o RangeOptions, chunkBytes int,
	fn func([]*mvccpb.KeyValue) error,
) (*RangeResult, error) {
	r := &RangeResult{Revision: v.current}
	if emptyRange(key, end) {
		return r, nil
	}
	c := collector{keysOnly: o.KeysOnly}
	var sent int64
	var fnErr error
	err := v.scan(ctx, key, end, func(it item) bool {
		c.add(it)
		sent++
		if c.size >= chunkBytes {
			fnErr = fn(c.take())
		}
		return fnErr == nil && (o.Limit <= 0 || sent < o.Limit)
	})
	if err == nil {
		err = fnErr
	}
	if err == nil && len(c.kvs) > 0 {
		err = fn(c.take())
	}
	if err != nil {
		return nil, err
	}
	r.Count = sent
	if o.Limit > 0 && sent == o.Limit {
		if r.Count, err = v.count(ctx, key, end); err != nil {
			return nil, err
		}
		r.More = r.Count > sent
	}
	return r, nil
}
