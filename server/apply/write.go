package apply

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
)

// put makes one put in a transaction of its own.
func (a *Applier) put(b *storage.Batch, req *pb.PutRequest) (*pb.PutResponse, error) {
	if id := req.GetLease(); id != 0 && !b.LeaseExists(id) {
		return nil, ErrLeaseNotFound
	}
	tx := b.Begin()
	prev, err := previous(tx, req)
	if err == nil && prev == nil && (req.GetIgnoreValue() || req.GetIgnoreLease()) {
		err = ErrKeyNotFound
	}
	if err != nil {
		tx.End()
		return nil, err
	}
	resp, err := putOp(tx, req, prev)
	resp.Header.Revision = tx.End()
	return resp, err
}

// previous is the key's present pair, when the request asks for any of it; nil when there is none.
func previous(tx *storage.Tx, req *pb.PutRequest) (*mvccpb.KeyValue, error) {
	if !req.GetPrevKv() && !req.GetIgnoreValue() && !req.GetIgnoreLease() {
		return nil, nil
	}
	res, err := tx.Range(context.Background(), req.GetKey(), nil, storage.RangeOptions{})
	if err != nil || len(res.KVs) == 0 {
		return nil, err
	}
	return res.KVs[0], nil
}

// putOp writes one key. A request that takes over value or lease from a pair that an earlier operation of the same txn
// deleted takes over nothing.
func putOp(tx *storage.Tx, req *pb.PutRequest, prev *mvccpb.KeyValue) (*pb.PutResponse, error) {
	resp := &pb.PutResponse{Header: &pb.ResponseHeader{}}
	value, lease := req.GetValue(), req.GetLease()
	if req.GetIgnoreValue() {
		value = prev.GetValue()
	}
	if req.GetIgnoreLease() {
		lease = prev.GetLease()
	}
	if req.GetPrevKv() {
		resp.PrevKv = prev
	}
	err := tx.Put(req.GetKey(), value, lease)
	resp.Header.Revision = tx.Revision()
	return resp, err
}

// deleteRange makes one deletion in a transaction of its own.
func (a *Applier) deleteRange(b *storage.Batch, req *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	tx := b.Begin()
	resp, err := deleteOp(tx, req)
	resp.Header.Revision = tx.End()
	return resp, err
}

func deleteOp(tx *storage.Tx, req *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	resp := &pb.DeleteRangeResponse{Header: &pb.ResponseHeader{}}
	if req.GetPrevKv() {
		res, err := tx.Range(context.Background(), req.GetKey(), req.GetRangeEnd(), storage.RangeOptions{})
		if err != nil {
			return resp, err
		}
		resp.PrevKvs = res.KVs
	}
	n, err := tx.DeleteRange(req.GetKey(), req.GetRangeEnd())
	resp.Deleted = n
	resp.Header.Revision = tx.Revision()
	return resp, err
}

// txn makes a whole txn in one transaction, so that all it writes has one revision. Ranges are answered only when somebody
// waits for them.
func (a *Applier) txn(b *storage.Batch, req *pb.TxnRequest, answer bool) (*pb.TxnResponse, error) {
	ctx := context.Background()
	tx := b.Begin()
	s := &state{Reader: tx, leases: b, revision: tx.Revision(), compact: b.CompactRevision()}
	p, err := decide(ctx, tx, req, 0)
	if err == nil {
		err = p.check(ctx, s)
	}
	if err != nil {
		tx.End()
		return nil, err
	}
	resp, err := p.execute(ctx, tx, answer)
	revision := tx.End()
	if err != nil {
		return nil, err
	}
	resp.Header = header(revision)
	return resp, nil
}

// execute makes a checked txn's operations. An error here is a failure of the store, not of the request. As in etcd, only
// the outermost answer's header carries the revision.
func (p *plan) execute(ctx context.Context, tx *storage.Tx, answer bool) (*pb.TxnResponse, error) {
	resp := &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: p.succeeded, Responses: make([]*pb.ResponseOp, len(p.ops))}
	nested := p.nested
	for i, op := range p.ops {
		out := &pb.ResponseOp{}
		resp.Responses[i] = out
		switch o := op.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			if !answer {
				continue
			}
			r, err := Range(ctx, tx, o.RequestRange)
			if err != nil {
				return nil, err
			}
			out.Response = &pb.ResponseOp_ResponseRange{ResponseRange: r}
		case *pb.RequestOp_RequestPut:
			prev, err := previous(tx, o.RequestPut)
			if err != nil {
				return nil, err
			}
			r, err := putOp(tx, o.RequestPut, prev)
			if err != nil {
				return nil, err
			}
			out.Response = &pb.ResponseOp_ResponsePut{ResponsePut: r}
		case *pb.RequestOp_RequestDeleteRange:
			r, err := deleteOp(tx, o.RequestDeleteRange)
			if err != nil {
				return nil, err
			}
			out.Response = &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: r}
		case *pb.RequestOp_RequestTxn:
			r, err := nested[0].execute(ctx, tx, answer)
			if err != nil {
				return nil, err
			}
			nested = nested[1:]
			out.Response = &pb.ResponseOp_ResponseTxn{ResponseTxn: r}
		}
	}
	return resp, nil
}
