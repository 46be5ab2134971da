package apply

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
)

// Reader is a state to read keys from: the store, or a transaction in the middle of a batch.
type Reader interface {
	Range(ctx context.Context, key, end []byte, o storage.RangeOptions) (*storage.RangeResult, error)
}

// Range answers a range request from r. The header carries the revision of the state, also when an older one was asked
// for.
func Range(ctx context.Context, r Reader, req *pb.RangeRequest) (*pb.RangeResponse, error) {
	o := storage.RangeOptions{
		Revision:  max(req.GetRevision(), 0),
		CountOnly: req.GetCountOnly(),
		KeysOnly:  req.GetKeysOnly() && req.GetSortTarget() != pb.RangeRequest_VALUE,
		Limit:     earlyLimit(req),
	}
	res, err := r.Range(ctx, req.GetKey(), req.GetRangeEnd(), o)
	if err != nil {
		return nil, err
	}
	resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: res.Revision}, Count: res.Count}
	if req.GetCountOnly() {
		return resp, nil
	}
	resp.Kvs, resp.More = filter(res.KVs, req), res.More
	if !isKeyOrder(req) || HasRevisionFilters(req) {
		sortKVs(resp.Kvs, req)
		resp.More = req.GetLimit() > 0 && int64(len(resp.Kvs)) > req.GetLimit()
		if resp.More {
			resp.Kvs = resp.Kvs[:req.GetLimit()]
		}
	}
	if req.GetKeysOnly() {
		StripValues(resp.Kvs, o.KeysOnly)
	}
	return resp, nil
}

// earlyLimit is how many keys, in key order, the answer is made from; 0 means all of them. A sort target without an order
// is, in etcd, a sort of the first keys only: one more than the limit.
func earlyLimit(req *pb.RangeRequest) int64 {
	switch {
	case req.GetLimit() <= 0 || HasRevisionFilters(req):
		return 0
	case isKeyOrder(req):
		return req.GetLimit()
	case req.GetSortOrder() == pb.RangeRequest_NONE && req.GetLimit() < math.MaxInt64:
		return req.GetLimit() + 1
	}
	return 0
}

// IsDefaultOrder tells whether the request asks for no order, or for the one that keys are kept in. It is the rule by
// which a RangeStream is refused.
func IsDefaultOrder(req *pb.RangeRequest) bool {
	return req.GetSortOrder() == pb.RangeRequest_NONE || isKeyOrder(req)
}

// isKeyOrder tells whether the answer is in ascending order of keys.
func isKeyOrder(req *pb.RangeRequest) bool {
	return req.GetSortTarget() == pb.RangeRequest_KEY && req.GetSortOrder() != pb.RangeRequest_DESCEND
}

// IsReadInOrder tells whether the answer is what is read, as it is read: whole keys, all of them up to the limit.
func IsReadInOrder(req *pb.RangeRequest) bool {
	return isKeyOrder(req) && !HasRevisionFilters(req) && !req.GetCountOnly() && !req.GetKeysOnly()
}

// HasRevisionFilters tells whether the request asks for keys of certain revisions only.
func HasRevisionFilters(req *pb.RangeRequest) bool {
	return req.GetMinModRevision() != 0 || req.GetMaxModRevision() != 0 ||
		req.GetMinCreateRevision() != 0 || req.GetMaxCreateRevision() != 0
}

// filter drops what lies outside the revisions asked for. Count and the sort do not see it.
func filter(kvs []*mvccpb.KeyValue, req *pb.RangeRequest) []*mvccpb.KeyValue {
	if !HasRevisionFilters(req) {
		return kvs
	}
	return slices.DeleteFunc(kvs, func(kv *mvccpb.KeyValue) bool {
		return outside(kv.ModRevision, req.GetMinModRevision(), req.GetMaxModRevision()) ||
			outside(kv.CreateRevision, req.GetMinCreateRevision(), req.GetMaxCreateRevision())
	})
}

// outside tells whether revision is not in [low, high], where zero leaves that end open.
func outside(revision, low, high int64) bool {
	return low != 0 && revision < low || high != 0 && revision > high
}

// sortKVs orders the answer. A target without an order means ascending. Keys that are equal by the target come as etcd's
// unstable sort leaves them: slices.SortFunc moves elements as sort.Sort does, so with a limit the same keys are cut.
func sortKVs(kvs []*mvccpb.KeyValue, req *pb.RangeRequest) {
	if isKeyOrder(req) {
		return
	}
	var compare func(a, b *mvccpb.KeyValue) int
	switch req.GetSortTarget() {
	case pb.RangeRequest_KEY:
		compare = func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) }
	case pb.RangeRequest_VERSION:
		compare = func(a, b *mvccpb.KeyValue) int { return cmp.Compare(a.Version, b.Version) }
	case pb.RangeRequest_CREATE:
		compare = func(a, b *mvccpb.KeyValue) int { return cmp.Compare(a.CreateRevision, b.CreateRevision) }
	case pb.RangeRequest_MOD:
		compare = func(a, b *mvccpb.KeyValue) int { return cmp.Compare(a.ModRevision, b.ModRevision) }
	case pb.RangeRequest_VALUE:
		compare = func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Value, b.Value) }
	default:
		return // the API refuses such a target
	}
	if req.GetSortOrder() == pb.RangeRequest_DESCEND {
		ascending := compare
		compare = func(a, b *mvccpb.KeyValue) int { return ascending(b, a) }
	}
	slices.SortFunc(kvs, compare)
}

// StripValues makes keys-only answers. Since 3.7 etcd answers those from its index, which knows no leases, unless it sorts
// by value; the lease is left out likewise.
func StripValues(kvs []*mvccpb.KeyValue, fromIndex bool) {
	for i, kv := range kvs {
		if kv.Value == nil && (kv.Lease == 0 || !fromIndex) {
			continue
		}
		bare := &mvccpb.KeyValue{Key: kv.Key, CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision, Version: kv.Version}
		if !fromIndex {
			bare.Lease = kv.Lease
		}
		kvs[i] = bare
	}
}

// pinned reads a reader as it was at one revision, while newer ones appear. The answers say that revision is the newest.
type pinned struct {
	r        Reader
	revision int64
}

// Range is Reader's; a revision after the pinned one is in the future.
func (p pinned) Range(ctx context.Context, key, end []byte, o storage.RangeOptions) (*storage.RangeResult, error) {
	if o.Revision > p.revision {
		return nil, mvcc.ErrFutureRevision
	}
	if o.Revision == 0 {
		o.Revision = p.revision
	}
	res, err := p.r.Range(ctx, key, end, o)
	if err != nil {
		return nil, err
	}
	res.Revision = min(res.Revision, p.revision)
	return res, nil
}
