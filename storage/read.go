package storage

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/mvcc"
)

// RangeOptions choose what of a range is read; see mvcc.
type RangeOptions = mvcc.RangeOptions

// RangeResult is what a range held; see mvcc.
type RangeResult = mvcc.RangeResult

// Range reads the keys in [key, end) as of a revision. By etcd's convention
// an empty end is the one key, and "\x00" every key from key on. It fails with
// mvcc.ErrCompacted, mvcc.ErrFutureRevision or ctx's error.
func (s *Store) Range(ctx context.Context, key, end []byte, o RangeOptions) (*RangeResult, error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	s.ops.ranges.Inc()
	return st.kv.Range(ctx, key, end, o)
}

// Each reads as Range does, but hands the keys to fn one by one as it goes, so
// that they are never all in memory. A key is valid until fn returns, and its
// bytes are not to be changed. The result has no KVs.
func (s *Store) Each(ctx context.Context, key, end []byte, o RangeOptions, fn func(*mvccpb.KeyValue) error) (*RangeResult, error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	s.ops.ranges.Inc()
	return st.kv.Each(ctx, key, end, o, fn)
}

// Stream reads as Range does, but hands the keys to fn in chunks of about
// chunkBytes as it goes; all are as of one revision. fn keeps what it is
// given. The result has no KVs.
func (s *Store) Stream(ctx context.Context, key, end []byte, o RangeOptions, chunkBytes int,
	fn func([]*mvccpb.KeyValue) error,
) (*RangeResult, error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	s.ops.ranges.Inc()
	return st.kv.Stream(ctx, key, end, o, chunkBytes, fn)
}
