package mvcc

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// What is kept of keys that were read: a hundred thousand leases or nodes of Kubernetes fit in.
const (
	recentKeys  = 128 << 10
	recentBytes = 48 << 20
)

// RecentBytes is what is kept of keys that were read.
func (s *Store) RecentBytes() int64 { return s.recent.Bytes() }

// newest is what a key holds at the newest revision.
type newest struct {
	mod, create, version, lease int64
	value                       []byte
}

// rangeNewest reads one key at the newest revision.
func (s *Store) rangeNewest(ctx context.Context, key []byte, o RangeOptions) (*RangeResult, error) {
	revision := s.Revision()
	n, place := s.recent.Find(key)
	if n != nil && n.mod <= revision {
		// What changed the key at or below the revision would have been forgotten before that was published.
		if o.Charge != nil {
			if err := o.Charge(len(key) + len(n.value) + keyValueBytes); err != nil {
				return nil, err
			}
		}
		return n.result(key, revision), nil
	}
	v, err := s.view(0)
	if err != nil {
		return nil, err
	}
	defer v.close()
	r, err := v.rangeKeys(ctx, key, nil, o)
	if err != nil {
		return nil, err
	}
	if v.headsExact && len(r.KVs) == 1 {
		kv := r.KVs[0]
		s.recent.Keep(place, key, newest{kv.ModRevision, kv.CreateRevision, kv.Version, kv.Lease, kv.Value},
			len(kv.Key)+cap(kv.Value)) // the answer's key is in the same piece of memory
	}
	return r, nil
}

// result is the answer to who asked for the key.
func (n *newest) result(key []byte, revision int64) *RangeResult {
	r := &struct {
		RangeResult
		kvs [1]*mvccpb.KeyValue
		kv  mvccpb.KeyValue
	}{}
	r.kv.Key, r.kv.Value = key, n.value
	r.kv.ModRevision, r.kv.CreateRevision, r.kv.Version, r.kv.Lease = n.mod, n.create, n.version, n.lease
	r.kvs[0] = &r.kv
	r.KVs, r.Count, r.Revision = r.kvs[:], 1, revision
	return &r.RangeResult
}
