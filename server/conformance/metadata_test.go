package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// metadataCases: what clients send beside a request; a leaderless cluster is
// in cluster_three.
func metadataCases(s *suite) {
	for name, pairs := range map[string][]string{
		"has_leader":           {"hasleader", "true"},
		"has_leader_other":     {"hasleader", "maybe"},
		"client_version":       {"client-api-version", "3.6.1"},
		"client_version_weird": {"client-api-version", "not a version"},
		"token_without_auth":   {"token", "whatever"},
		"unknown":              {"x-unknown", "1"},
	} {
		s.run("unary_"+name, func(t *testing.T, e *env) {
			if pairs[0] == "token" {
				needs(t, e, tokenIgnored)
			}
			ctx := metadata.AppendToOutgoingContext(e.ctx, pairs...)
			_, err := e.kv.Put(ctx, &pb.PutRequest{Key: e.key("a")})
			require.NoError(t, err)
		})
		s.run("stream_"+name, func(t *testing.T, e *env) {
			w := openWatchStream(t, metadata.AppendToOutgoingContext(e.ctx, pairs...), e.watch)
			require.True(t, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).Created)
		})
	}
	s.run("client_requires_leader", func(t *testing.T, e *env) {
		_, err := e.client.Put(clientv3.WithRequireLeader(e.ctx), string(e.key("a")), "1")
		require.NoError(t, err)
	})
	s.run("deadline_passed", func(t *testing.T, e *env) {
		ctx, cancel := context.WithDeadline(e.ctx, time.Unix(0, 0))
		defer cancel()
		_, err := e.kv.Put(ctx, &pb.PutRequest{Key: e.key("a")})
		requireCode(t, codes.DeadlineExceeded, err)
	})
	s.run("canceled", func(t *testing.T, e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		_, err := e.kv.Put(ctx, &pb.PutRequest{Key: e.key("a")})
		requireCode(t, codes.Canceled, err)
	})
	s.run("watch_canceled_by_client", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key("a")})
		w.cancel()
		requireCode(t, codes.Canceled, <-w.failed)
	})
	s.run("watch_half_closed", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		require.NoError(t, w.stream.CloseSend())
		e.put(t, "a", "1")
		w.events(t, id, 1)
	})
}
