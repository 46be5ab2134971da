package mvcc

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Each reads as Range does, but hands the keys to fn one by one as it goes, in
// order. A key is valid until fn returns, which may change the KeyValue but not
// its bytes. The result has no KVs. An error of fn ends the reading and is
// returned.
func (s *Store) Each(ctx context.Context, key, end []byte, o RangeOptions, fn func(*mvccpb.KeyValue) error) (*RangeResult, error) {
	v, err := s.view(o.Revision)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var kv mvccpb.KeyValue
	return v.visit(ctx, key, end, o, func(it item) error {
		kv.Key = it.key
		if !o.KeysOnly {
			kv.Value = it.value.Value
		}
		it.fill(&kv)
		return fn(&kv)
	})
}

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
	c := collector{keysOnly: o.KeysOnly}
	r, err := v.visit(ctx, key, end, o, func(it item) error {
		if err := c.add(it); err != nil || c.size < chunkBytes {
			return err
		}
		return fn(c.take())
	})
	if err == nil && len(c.kvs) > 0 {
		err = fn(c.take())
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}
