package api

import (
	"context"
	"sync/atomic"
	"time"
	"unicode/utf8"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// snapshotMethod is the only stream that a learner serves.
const snapshotMethod = "/etcdserverpb.Maintenance/Snapshot"

// unary wraps every unary call: counts it, applies the rules for learners and
// leaders, and logs it when it was slow.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	m := s.metrics.method(info.FullMethod)
	m.started.Inc()
	m.received.Inc()
	if s.recorder != nil {
		ctx = withActor(ctx)
	}
	resp, err := s.guarded(ctx, req, info.FullMethod, handler)
	took := time.Since(start)
	m.done(err, took)
	if err == nil {
		m.sent.Inc()
	}
	if took > s.slowUnary || s.debugRequests(ctx) {
		s.logRequest(ctx, info.FullMethod, start, took, req, resp)
	}
	if s.recorder != nil {
		s.recordUnary(ctx, info.FullMethod, start, took, req, resp, err)
	}
	return resp, err
}

// guarded calls the handler if this member may serve the request.
func (s *Server) guarded(ctx context.Context, req any, method string, handler grpc.UnaryHandler) (any, error) {
	if s.replica.Cluster().IsLocalLearner() && !servedByLearner(req) {
		return nil, rpctypes.ErrGRPCNotSupportedForLearner
	}
	if err := s.countClient(ctx, s.metrics.unaryClients); err != nil {
		return nil, err
	}
	if needsLeader(ctx) && s.replica.Status().Leader == 0 {
		return nil, rpctypes.ErrGRPCNoLeader
	}
	if err := s.admit(ctx, method); err != nil {
		return nil, err
	}
	if s.traced {
		var span trace.Span
		ctx, span = startSpan(ctx, req)
		defer span.End()
	}
	return handler(ctx, req)
}

// servedByLearner says which unary requests a learner answers: what it can
// without a vote.
func servedByLearner(req any) bool {
	switch r := req.(type) {
	case *pb.StatusRequest:
		return true
	case *pb.RangeRequest:
		return r.Serializable
	}
	return false
}

// stream wraps every streaming call. A stream that asks for a leader ends when
// there has been none for a while.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	start := time.Now()
	m := s.metrics.method(info.FullMethod)
	m.started.Inc()
	counted := &countedStream{ServerStream: ss, method: m}
	if s.recorder != nil {
		counted.ctx = withActor(ss.Context())
	}
	err := s.guardedStream(srv, counted, info, handler)
	took := time.Since(start)
	m.done(err, took)
	if s.recorder != nil {
		s.recordStream(counted, info.FullMethod, start, took, err)
	}
	return err
}

// guardedStream calls the handler if this member may serve the stream.
func (s *Server) guardedStream(srv any, ss *countedStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if s.replica.Cluster().IsLocalLearner() && info.FullMethod != snapshotMethod {
		return rpctypes.ErrGRPCNotSupportedForLearner
	}
	ctx := ss.Context()
	if err := s.countClient(ctx, s.metrics.streamClients); err != nil {
		return err
	}
	leaderNeeded := needsLeader(ctx)
	if leaderNeeded && s.replica.Status().Leader == 0 {
		return rpctypes.ErrGRPCNoLeader
	}
	if err := s.admit(ctx, info.FullMethod); err != nil {
		return err
	}
	if !leaderNeeded {
		return handler(srv, ss)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ss.ctx = ctx
	defer s.leaders.add(cancel)()
	return handler(srv, ss)
}

// countedStream counts a stream's messages and may carry a context of its own.
type countedStream struct {
	grpc.ServerStream
	method *methodMetrics
	ctx    context.Context

	received, sent atomic.Int64
}

// Context is the stream's context.
func (s *countedStream) Context() context.Context {
	if s.ctx != nil {
		return s.ctx
	}
	return s.ServerStream.Context()
}

// RecvMsg counts what is received.
func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.method.received.Inc()
		s.received.Add(1)
	}
	return err
}

// SendMsg counts what is sent.
func (s *countedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.method.sent.Inc()
		s.sent.Add(1)
	}
	return err
}

// needsLeader reads the client's wish to be refused by a member that sees no
// leader.
func needsLeader(ctx context.Context) bool {
	v := metadata.ValueFromIncomingContext(ctx, rpctypes.MetadataRequireLeaderKey)
	return len(v) > 0 && v[0] == rpctypes.MetadataHasLeader
}

// countClient counts a request by the version its client says it has.
func (s *Server) countClient(ctx context.Context, clients *clientCounter) error {
	ver := "unknown"
	if v := metadata.ValueFromIncomingContext(ctx, rpctypes.MetadataClientAPIVersionKey); len(v) > 0 {
		ver = v[0]
	}
	if !utf8.ValidString(ver) {
		return rpctypes.ErrGRPCInvalidClientAPIVersion
	}
	clients.inc(ver)
	return nil
}
