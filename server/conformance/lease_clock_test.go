package conformance

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// leaseClockCases: keep-alives and what happens when they stop.
func leaseClockCases(s *suite) {
	s.run("keep_alive_answers_the_ttl", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		stream, err := e.lease.LeaseKeepAlive(e.ctx)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}))
			resp, err := stream.Recv()
			require.NoError(t, err)
			require.Equal(t, lease, resp.ID)
			require.EqualValues(t, 1000, resp.TTL)
			require.NotZero(t, resp.Header.Revision)
		}
		require.NoError(t, stream.CloseSend())
		_, err = stream.Recv()
		require.True(t, errors.Is(err, io.EOF), "%v", err)
	})
	s.run("keep_alive_many_on_one_stream", func(t *testing.T, e *env) {
		stream, err := e.lease.LeaseKeepAlive(e.ctx)
		require.NoError(t, err)
		var leases []int64
		for range 10 {
			leases = append(leases, e.grant(t, 1000))
		}
		for _, lease := range leases {
			require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}))
		}
		for _, lease := range leases {
			resp, err := stream.Recv()
			require.NoError(t, err)
			require.Equal(t, lease, resp.ID)
		}
	})
	s.run("keep_alive_after_revoke_is_ttl_zero", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		stream, err := e.lease.LeaseKeepAlive(e.ctx)
		require.NoError(t, err)
		require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}))
		resp, err := stream.Recv()
		require.NoError(t, err)
		require.Zero(t, resp.TTL)
	})
	s.run("expiry_deletes_keys_in_one_revision", func(t *testing.T, e *env) {
		lease := e.grant(t, 2)
		e.txn(t, &pb.TxnRequest{Success: ops(
			wrapPut(&pb.PutRequest{Key: e.key("a"), Lease: lease}), wrapPut(&pb.PutRequest{Key: e.key("b"), Lease: lease}),
		)})
		e.put(t, "stays", "1")
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()}).WatchId
		events := w.events(t, id, 2)
		require.Equal(t, []string{"DELETE a", "DELETE b"}, e.described(events))
		require.Equal(t, events[0].Kv.ModRevision, events[1].Kv.ModRevision)
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease})
		require.NoError(t, err)
		require.EqualValues(t, -1, ttl.TTL)
		require.NotNil(t, e.get(t, "stays"))
	})
	s.run("keep_alive_holds_off_expiry", func(t *testing.T, e *env) {
		kept, lost := e.grant(t, 2), e.grant(t, 2)
		e.txn(t, &pb.TxnRequest{Success: ops(
			wrapPut(&pb.PutRequest{Key: e.key("kept"), Lease: kept}), wrapPut(&pb.PutRequest{Key: e.key("lost"), Lease: lost}),
		)})
		stream, err := e.lease.LeaseKeepAlive(e.ctx)
		require.NoError(t, err)
		e.until(t, "the other lease's end", func() bool {
			require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: kept}))
			resp, err := stream.Recv()
			require.NoError(t, err)
			require.EqualValues(t, 2, resp.TTL)
			return e.get(t, "lost") == nil
		})
		require.NotNil(t, e.get(t, "kept"))
	})
	s.run("client_keeps_alive", func(t *testing.T, e *env) {
		grant, err := e.client.Grant(e.ctx, 2)
		require.NoError(t, err)
		other := e.grant(t, 2)
		ch, err := e.client.KeepAlive(e.ctx, grant.ID)
		require.NoError(t, err)
		require.EqualValues(t, 2, (<-ch).TTL)
		e.until(t, "the other lease's end", func() bool {
			ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: other})
			require.NoError(t, err)
			return ttl.TTL < 0
		})
		once, err := e.client.KeepAliveOnce(e.ctx, grant.ID)
		require.NoError(t, err)
		require.EqualValues(t, 2, once.TTL)
	})
	s.run("expired_key_can_be_written_again", func(t *testing.T, e *env) {
		lease := e.grant(t, 2)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		require.NoError(t, err)
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		require.Equal(t, mvccpb.Event_DELETE, w.events(t, id, 1)[0].Type)
		e.put(t, "a", "again")
		kv := e.get(t, "a")
		require.EqualValues(t, 1, kv.Version)
		require.Zero(t, kv.Lease)
	})
}
