package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
	"github.com/petcd/petcd/server/requestlog"
)

// recordUnary records a unary call for the request log.
func (s *Server) recordUnary(ctx context.Context, method string, start time.Time, took time.Duration, req, resp any, err error) {
	in, out := sizeOf(req), 0
	if err == nil {
		out = sizeOf(resp)
	}
	if !s.recorder.Wants(took, in+out) {
		return
	}
	q := newRecord(ctx, method, start, took, err)
	q.RequestBytes, q.ResponseBytes = in, out
	recordWhat(q, req)
	if err == nil {
		recordCost(q, resp)
	}
	s.recorder.Record(q)
}

// sizeOf is a message's size; 0 if it is none.
func sizeOf(v any) int {
	switch m := v.(type) {
	case *rangeAnswer:
		return m.Size()
	case proto.Message:
		return proto.Size(m)
	}
	return 0
}

// recordStream records the end of a stream.
func (s *Server) recordStream(ss *countedStream, method string, start time.Time, took time.Duration, err error) {
	q := newRecord(ss.Context(), method, start, took, err)
	q.Received, q.Sent = int(ss.received.Load()), int(ss.sent.Load())
	s.recorder.Record(q)
}

// newRecord is what all calls have: who, when, and how it ended.
func newRecord(ctx context.Context, method string, start time.Time, took time.Duration, err error) *requestlog.Request {
	q := &requestlog.Request{Start: start, Took: took, Method: method, Remote: remote(ctx), Code: codeOf(err).String()}
	if a := actorOf(ctx); a != nil {
		q.User = a.name()
	}
	q.CommonName, _ = certificateName(ctx)
	return q
}

// codeOf is the status code that a handler's error becomes.
func codeOf(err error) codes.Code {
	if code := status.Code(err); code != codes.Unknown {
		return code
	}
	return status.FromContextError(err).Code()
}

// memory is the network of the JSON gateway's connection (package bufconn),
// which no other client can have.
const memory = "bufconn"

// remote is the address of the client, also when the member's own JSON gateway
// speaks for it. The gateway adds the address that it sees to those that the
// client says to come from.
func remote(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	if v := metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"); len(v) > 0 && p.Addr.Network() == memory {
		last := v[len(v)-1]
		return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	return p.Addr.String()
}

// recordWhat fills in what a request is about: keys and names, never a value or a password.
func recordWhat(q *requestlog.Request, req any) {
	switch r := req.(type) {
	case *pb.RangeRequest:
		q.Key, q.RangeEnd, q.Revision = requestlog.Key(r.Key), requestlog.Key(r.RangeEnd), r.Revision
	case *pb.PutRequest:
		q.Key = requestlog.Key(r.Key)
	case *pb.DeleteRangeRequest:
		q.Key, q.RangeEnd = requestlog.Key(r.Key), requestlog.Key(r.RangeEnd)
	case *pb.TxnRequest:
		q.Key = requestlog.Key(firstKey(r))
	case *pb.CompactionRequest:
		q.Revision = r.Revision
	case *pb.HashKVRequest:
		q.Revision = r.Revision
	case *pb.AuthRoleGrantPermissionRequest:
		q.Subject = r.Name
		q.Key, q.RangeEnd = requestlog.Key(r.GetPerm().GetKey()), requestlog.Key(r.GetPerm().GetRangeEnd())
	case *v3lockpb.LockRequest:
		q.Key = requestlog.Key(r.Name)
	case *v3lockpb.UnlockRequest:
		q.Key = requestlog.Key(r.Key)
	case *v3electionpb.CampaignRequest:
		q.Key = requestlog.Key(r.Name)
	case *v3electionpb.LeaderRequest:
		q.Key = requestlog.Key(r.Name)
	case interface {
		GetLeader() *v3electionpb.LeaderKey
	}: // Proclaim and Resign
		q.Key = requestlog.Key(r.GetLeader().GetKey())
	case interface{ GetID() int64 }: // leases
		q.Subject = strconv.FormatInt(r.GetID(), 16)
	case interface{ GetID() uint64 }: // members
		q.Subject = strconv.FormatUint(r.GetID(), 16)
	case interface{ GetName() string }: // users and roles
		q.Subject = requestlog.Key([]byte(r.GetName()))
	case interface{ GetUser() string }:
		q.Subject = requestlog.Key([]byte(r.GetUser()))
	}
}

// recordCost fills in what an answer tells about the work.
func recordCost(q *requestlog.Request, resp any) {
	if h, ok := resp.(interface{ GetHeader() *pb.ResponseHeader }); ok && q.Revision == 0 {
		q.Revision = h.GetHeader().GetRevision()
	}
	switch r := resp.(type) {
	case *pb.RangeResponse:
		q.Keys, q.Count = int64(len(r.Kvs)), r.Count
	case *rangeAnswer:
		q.Keys, q.Count = r.keys, r.count
	case *pb.PutResponse:
		q.Keys = 1
	case *pb.DeleteRangeResponse:
		q.Keys = r.Deleted
	case *pb.TxnResponse:
		q.Operations, q.Keys = len(r.Responses), keysOf(r)
	}
}

// keysOf counts the keys that the branch taken returned or changed; those of nested transactions are left out.
func keysOf(resp *pb.TxnResponse) (n int64) {
	for _, op := range resp.Responses {
		switch r := op.GetResponse().(type) {
		case *pb.ResponseOp_ResponseRange:
			n += int64(len(r.ResponseRange.GetKvs()))
		case *pb.ResponseOp_ResponsePut:
			n++
		case *pb.ResponseOp_ResponseDeleteRange:
			n += r.ResponseDeleteRange.GetDeleted()
		}
	}
	return n
}

// firstKey stands for a transaction: the key that it compares first, or else that of its first operation.
func firstKey(r *pb.TxnRequest) []byte {
	if len(r.Compare) > 0 {
		return r.Compare[0].GetKey()
	}
	for _, op := range r.Success {
		switch o := op.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			return o.RequestRange.GetKey()
		case *pb.RequestOp_RequestPut:
			return o.RequestPut.GetKey()
		case *pb.RequestOp_RequestDeleteRange:
			return o.RequestDeleteRange.GetKey()
		}
	}
	return nil
}
