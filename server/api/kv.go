package api

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
)

// kvService is etcdserverpb.KV.
type kvService struct {
	*Server
	pb.UnsafeKVServer
}

// Range reads keys, at the newest revision or an older one.
func (s *kvService) Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	if err := checkRange(r); err != nil {
		return nil, err
	}
	start := time.Now()
	resp, err := read(ctx, s.Server, r, s.rangeNow)
	s.metrics.requests.rangeRead.observe(start, err)
	if err != nil {
		return nil, wire(err)
	}
	s.fill(resp.Header)
	return resp, nil
}

// read reads keys by now, after everything acknowledged before unless the request
// takes what this member has.
func read[R any](ctx context.Context, s *Server, r *pb.RangeRequest, now func(context.Context, *answerReader, *pb.RangeRequest) (R, error)) (none R, _ error) {
	if !r.Serializable {
		if err := s.replica.ReadBarrier(ctx); err != nil {
			return none, err
		}
	}
	var from *answerReader
	if len(r.GetRangeEnd()) > 0 { // else one key, of which a request has set the size
		from = s.answers.reader(ctx, s.replica.Store())
	}
	if users := s.replica.Auth(); !users.Enabled() {
		if resp, err := now(ctx, from, r); !users.Enabled() {
			return resp, err
		} // what was written since it was turned on is not for everybody
	}
	return permitted(ctx, s,
		unexpired(reads(r.GetKey(), r.GetRangeEnd())),
		func(*auth.View, auth.Caller) (R, error) { return now(ctx, from, r) })
}

// rangeNow reads keys from what this member has, on an account if there is one.
func (s *Server) rangeNow(ctx context.Context, account *answerReader, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	start := time.Now()
	var from apply.Reader = s.replica.Store()
	if account != nil {
		from = account.again()
	}
	resp, err := apply.Range(ctx, from, r)
	s.metrics.ranges.observe(start, err)
	return resp, err
}

// Put writes one key.
func (s *kvService) Put(ctx context.Context, r *pb.PutRequest) (*pb.PutResponse, error) {
	req := &pb.InternalRaftRequest{Put: r}
	if err := s.replica.CheckQuota(ctx, req); err != nil {
		return nil, wire(err)
	}
	if err := checkPut(r); err != nil {
		return nil, err
	}
	return propose[*pb.PutResponse](ctx, s.Server, req, s.metrics.requests.put)
}

// DeleteRange deletes keys.
func (s *kvService) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	if err := checkDelete(r); err != nil {
		return nil, err
	}
	return propose[*pb.DeleteRangeResponse](ctx, s.Server, &pb.InternalRaftRequest{DeleteRange: r}, s.metrics.requests.deleteRange)
}

// Txn runs operations as one. A transaction that only reads is answered here,
// without an entry in the log.
func (s *kvService) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	req := &pb.InternalRaftRequest{Txn: r}
	if err := s.replica.CheckQuota(ctx, req); err != nil {
		return nil, wire(err)
	}
	if err := checkTxn(r, s.txnOpsMax); err != nil {
		return nil, err
	}
	// After checkTxn: the overlap check is not made for unbounded input.
	if err := checkOverlaps(r); err != nil {
		return nil, err
	}
	if !apply.IsReadOnly(r) {
		return propose[*pb.TxnResponse](ctx, s.Server, req, s.metrics.requests.txn)
	}
	start := time.Now()
	resp, err := s.readTxn(ctx, r)
	s.metrics.requests.readOnlyTxn.observe(start, err)
	if err != nil {
		return nil, wire(err)
	}
	s.fill(resp.Header)
	return resp, nil
}

// readTxn answers a transaction that only reads, all of it at one revision.
func (s *Server) readTxn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	if !apply.IsSerializable(r) {
		if err := s.replica.ReadBarrier(ctx); err != nil {
			return nil, err
		}
	}
	from := s.answers.reader(ctx, s.replica.Store())
	if users := s.replica.Auth(); !users.Enabled() {
		if resp, err := apply.ReadTxn(ctx, from, r); !users.Enabled() {
			return resp, err
		} // as in read
	}
	return permitted(ctx, s,
		unexpired(func(v *auth.View, c auth.Caller) error { return apply.CheckTxnPermission(v, c, r, s.leaseKeys) }),
		func(*auth.View, auth.Caller) (*pb.TxnResponse, error) {
			return apply.ReadTxn(ctx, from.again(), r)
		})
}

// Compact drops history. A physical one is answered when it is off the disk's
// tables too.
func (s *kvService) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	start := time.Now()
	res, err := s.submit(ctx, &pb.InternalRaftRequest{Compaction: r})
	s.metrics.requests.compaction.observe(start, err)
	if err != nil {
		return nil, wire(err)
	}
	if r.Physical && res.Done != nil {
		select {
		case <-res.Done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if res.Err != nil {
		return nil, wire(res.Err)
	}
	return &pb.CompactionResponse{Header: s.header()}, nil
}

// headed is a response with a header.
type headed interface {
	proto.Message
	GetHeader() *pb.ResponseHeader
}

// propose has a request applied and completes its response's header.
func propose[R headed](ctx context.Context, s *Server, req *pb.InternalRaftRequest, l latency) (resp R, err error) {
	start := time.Now()
	res, err := s.submit(ctx, req)
	l.observe(start, err)
	if err != nil {
		return resp, wire(err)
	}
	if res.Err != nil {
		return resp, wire(res.Err)
	}
	resp, ok := res.Resp.(R)
	if !ok || resp.GetHeader() == nil {
		return resp, wire(apply.ErrUnknownRequest)
	}
	s.fill(resp.GetHeader())
	return resp, nil
}
