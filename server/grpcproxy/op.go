package grpcproxy

import (
	"errors"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// rangeOptions are a range request's options as the client library has them.
func rangeOptions(r *pb.RangeRequest) []clientv3.OpOption {
	opts := []clientv3.OpOption{
		clientv3.WithLimit(r.GetLimit()), clientv3.WithRev(r.GetRevision()),
		clientv3.WithSort(clientv3.SortTarget(r.GetSortTarget()), clientv3.SortOrder(r.GetSortOrder())),
		clientv3.WithMinModRev(r.GetMinModRevision()), clientv3.WithMaxModRev(r.GetMaxModRevision()),
		clientv3.WithMinCreateRev(r.GetMinCreateRevision()), clientv3.WithMaxCreateRev(r.GetMaxCreateRevision()),
	}
	if len(r.GetRangeEnd()) > 0 {
		opts = append(opts, clientv3.WithRange(string(r.GetRangeEnd())))
	}
	if r.GetSerializable() {
		opts = append(opts, clientv3.WithSerializable())
	}
	if r.GetKeysOnly() {
		opts = append(opts, clientv3.WithKeysOnly())
	}
	if r.GetCountOnly() {
		opts = append(opts, clientv3.WithCountOnly())
	}
	return opts
}

// putOp is a put request as the client library has it.
func putOp(r *pb.PutRequest) clientv3.Op {
	opts := []clientv3.OpOption{clientv3.WithLease(clientv3.LeaseID(r.GetLease()))}
	if r.GetPrevKv() {
		opts = append(opts, clientv3.WithPrevKV())
	}
	if r.GetIgnoreValue() {
		opts = append(opts, clientv3.WithIgnoreValue())
	}
	if r.GetIgnoreLease() {
		opts = append(opts, clientv3.WithIgnoreLease())
	}
	return clientv3.OpPut(string(r.GetKey()), string(r.GetValue()), opts...)
}

// deleteOp is a delete request as the client library has it.
func deleteOp(r *pb.DeleteRangeRequest) clientv3.Op {
	var opts []clientv3.OpOption
	if len(r.GetRangeEnd()) > 0 {
		opts = append(opts, clientv3.WithRange(string(r.GetRangeEnd())))
	}
	if r.GetPrevKv() {
		opts = append(opts, clientv3.WithPrevKV())
	}
	return clientv3.OpDelete(string(r.GetKey()), opts...)
}

// txnOps are the operations of one branch of a txn; nested ones are followed
// at most depth deep.
func txnOps(reqs []*pb.RequestOp, depth int) ([]clientv3.Op, error) {
	ops := make([]clientv3.Op, 0, len(reqs))
	for _, r := range reqs {
		switch o := r.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			ops = append(ops, clientv3.OpGet(string(o.RequestRange.GetKey()), rangeOptions(o.RequestRange)...))
		case *pb.RequestOp_RequestPut:
			ops = append(ops, putOp(o.RequestPut))
		case *pb.RequestOp_RequestDeleteRange:
			ops = append(ops, deleteOp(o.RequestDeleteRange))
		case *pb.RequestOp_RequestTxn:
			if depth == 0 {
				return nil, errTooDeep
			}
			cmps, then, other, err := txnParts(o.RequestTxn, depth-1)
			if err != nil {
				return nil, err
			}
			ops = append(ops, clientv3.OpTxn(cmps, then, other))
		default:
			return nil, rpctypes.ErrGRPCKeyNotFound // a member's answer to an operation that is none
		}
	}
	return ops, nil
}

// txnParts takes a txn apart.
func txnParts(r *pb.TxnRequest, depth int) (cmps []clientv3.Cmp, then, other []clientv3.Op, err error) {
	for _, c := range r.GetCompare() {
		cmps = append(cmps, clientv3.FromCompare(c))
	}
	if then, err = txnOps(r.GetSuccess(), depth); err != nil {
		return nil, nil, nil, err
	}
	other, err = txnOps(r.GetFailure(), depth)
	return cmps, then, other, err
}

// txnDepthMax is how deep the txns of a request may be nested here.
const txnDepthMax = 64

var errTooDeep = status.Error(codes.InvalidArgument, "grpcproxy: txns are nested too deep")

// wire is an error of the client library as a member would have answered it.
func wire(err error) error {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return status.Error(e.Code(), e.Error())
	}
	return err
}
