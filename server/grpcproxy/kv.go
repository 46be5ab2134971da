package grpcproxy

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// kvService is etcdserverpb.KV on top of the client library's wrappers. It
// stands in only when one of them is wanted. RangeStream, which they do not
// know, answers Unimplemented.
type kvService struct {
	pb.UnimplementedKVServer
	kv clientv3.KV
}

// Range reads keys.
func (s kvService) Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	resp, err := s.kv.Get(outgoing(ctx), string(r.GetKey()), rangeOptions(r)...)
	return (*pb.RangeResponse)(resp), wire(err)
}

// Put writes a key.
func (s kvService) Put(ctx context.Context, r *pb.PutRequest) (*pb.PutResponse, error) {
	resp, err := s.kv.Do(outgoing(ctx), putOp(r))
	return (*pb.PutResponse)(resp.Put()), wire(err)
}

// DeleteRange deletes keys.
func (s kvService) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	resp, err := s.kv.Do(outgoing(ctx), deleteOp(r))
	return (*pb.DeleteRangeResponse)(resp.Del()), wire(err)
}

// Txn does one of two lists of operations.
func (s kvService) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	cmps, then, other, err := txnParts(r, txnDepthMax)
	if err != nil {
		return nil, err
	}
	resp, err := s.kv.Txn(outgoing(ctx)).If(cmps...).Then(then...).Else(other...).Commit()
	return (*pb.TxnResponse)(resp), wire(err)
}

// Compact forgets history.
func (s kvService) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	var opts []clientv3.CompactOption
	if r.GetPhysical() {
		opts = append(opts, clientv3.WithCompactPhysical())
	}
	resp, err := s.kv.Compact(outgoing(ctx), r.GetRevision(), opts...)
	return (*pb.CompactionResponse)(resp), wire(err)
}
