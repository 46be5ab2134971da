package api

import (
	"context"
	"log/slog"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/prometheus/client_golang/prometheus"
)

// debugRequests says whether every request is logged.
func (s *Server) debugRequests(ctx context.Context) bool {
	return s.logger.Enabled(ctx, slog.LevelDebug)
}

// logRequest writes etcd's line about one unary request, without the values
// it carries.
func (s *Server) logRequest(ctx context.Context, method string, start time.Time, took time.Duration, req, resp any) {
	level := slog.LevelDebug
	if took > s.slowUnary {
		level = slog.LevelWarn
	}
	remote := "No remote client info."
	if p, ok := peer.FromContext(ctx); ok {
		remote = p.Addr.String()
	}
	st := describe(req, resp)
	s.logger.LogAttrs(ctx, level, "request stats",
		slog.Time("start time", start),
		slog.Duration("time spent", took),
		slog.String("remote", remote),
		slog.String("response type", method),
		slog.Int64("request count", st.requests),
		slog.Int("request size", st.requestBytes),
		slog.Int64("response count", st.responses),
		slog.Int("response size", st.responseBytes),
		slog.String("request content", st.content),
	)
}

// requestStats is what a log line tells about a request.
type requestStats struct {
	requests, responses         int64
	requestBytes, responseBytes int
	content                     string
}

// describe sums a request up; -1 stands for "not counted".
func describe(req, resp any) requestStats {
	switch r := req.(type) {
	case *pb.RangeRequest:
		st := requestStats{0, 0, proto.Size(r), sizeOf(resp), r.String()}
		if resp, ok := resp.(interface{ GetCount() int64 }); ok {
			st.responses = resp.GetCount()
		}
		return st
	case *pb.PutRequest:
		resp, _ := resp.(*pb.PutResponse)
		return requestStats{1, 0, proto.Size(r), proto.Size(resp), pb.NewLoggablePutRequest(r).String()}
	case *pb.DeleteRangeRequest:
		resp, _ := resp.(*pb.DeleteRangeResponse)
		return requestStats{0, resp.GetDeleted(), proto.Size(r), proto.Size(resp), r.String()}
	case *pb.TxnRequest:
		resp, _ := resp.(*pb.TxnResponse)
		taken := r.GetFailure()
		if resp.GetSucceeded() {
			taken = r.GetSuccess()
		}
		st := requestStats{int64(len(taken)), 0, 0, proto.Size(resp), pb.NewLoggableTxnRequest(r).String()}
		for _, op := range taken {
			st.requestBytes += proto.Size(op)
		}
		return st
	}
	return requestStats{-1, -1, -1, -1, ""}
}

// streamFailed logs and counts the end of a stream that its client did not
// bring about.
func (s *Server) streamFailed(ctx context.Context, err error, failures prometheus.Counter, message string) {
	code := status.Code(err)
	if ctx.Err() != nil || code == codes.Canceled || code == codes.DeadlineExceeded {
		s.logger.DebugContext(ctx, message, "error", err.Error())
		return
	}
	failures.Inc()
	s.logger.WarnContext(ctx, message, "error", err.Error())
}
