package apply

import (
	"bytes"
	"cmp"
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
)

// compareAll tells whether all compares hold.
func compareAll(ctx context.Context, r Reader, compares []*pb.Compare) (bool, error) {
	for _, c := range compares {
		ok, err := compareOne(ctx, r, c)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// compareOne tells whether a compare holds for every key of its range. A key that does not exist compares as one with all
// numbers zero, but never by value: an absent value cannot be told from an empty one.
func compareOne(ctx context.Context, r Reader, c *pb.Compare) (bool, error) {
	res, err := r.Range(ctx, c.GetKey(), c.GetRangeEnd(), storage.RangeOptions{KeysOnly: c.GetTarget() != pb.Compare_VALUE && c.GetTarget() != pb.Compare_LEASE})
	if err != nil {
		return false, err
	}
	if len(res.KVs) == 0 {
		return c.GetTarget() != pb.Compare_VALUE && holds(c, &mvccpb.KeyValue{}), nil
	}
	for _, kv := range res.KVs {
		if !holds(c, kv) {
			return false, nil
		}
	}
	return true, nil
}

// holds tells whether a compare holds for one key.
func holds(c *pb.Compare, kv *mvccpb.KeyValue) bool {
	var order int
	switch c.GetTarget() {
	case pb.Compare_VALUE:
		order = bytes.Compare(kv.Value, c.GetValue())
	case pb.Compare_CREATE:
		order = cmp.Compare(kv.CreateRevision, c.GetCreateRevision())
	case pb.Compare_MOD:
		order = cmp.Compare(kv.ModRevision, c.GetModRevision())
	case pb.Compare_VERSION:
		order = cmp.Compare(kv.Version, c.GetVersion())
	case pb.Compare_LEASE:
		order = cmp.Compare(kv.Lease, c.GetLease())
	}
	switch c.GetResult() {
	case pb.Compare_EQUAL:
		return order == 0
	case pb.Compare_NOT_EQUAL:
		return order != 0
	case pb.Compare_GREATER:
		return order > 0
	case pb.Compare_LESS:
		return order < 0
	}
	return true // as etcd: an operator it does not know is no condition
}
