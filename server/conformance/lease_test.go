package conformance

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// leaseTTLMax is the longest TTL that etcd grants, in seconds.
const leaseTTLMax = 9_000_000_000

// leaseCases: the replicated table of leases and what hangs on them.
func leaseCases(s *suite) {
	leaseGrantCases(s)
	leaseErrorCases(s)

	s.run("revoke_deletes_keys", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		for _, name := range []string{"a", "b"} {
			_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(name), Lease: lease})
			require.NoError(t, err)
		}
		e.put(t, "stays", "1")
		before := e.get(t, "b").ModRevision
		resp, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		require.Greater(t, resp.Header.Revision, before)
		got := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()})
		require.Equal(t, []string{"stays"}, e.names(got.Kvs))
	})
	s.run("revoke_twice", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		requireStatus(t, rpctypes.ErrGRPCLeaseNotFound, err)
	})
	s.run("revoked_refuses_puts", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		_, err = e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		requireStatus(t, rpctypes.ErrGRPCLeaseNotFound, err)
	})
	s.run("id_can_be_granted_again", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		require.NoError(t, err)
		_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		_, err = e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{ID: lease, TTL: 500})
		require.NoError(t, err)
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease, Keys: true})
		require.NoError(t, err)
		require.EqualValues(t, 500, ttl.GrantedTTL)
		require.Empty(t, ttl.Keys)
	})
	s.run("time_to_live", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		require.NoError(t, err)
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease})
		require.NoError(t, err)
		require.Equal(t, lease, ttl.ID)
		require.EqualValues(t, 1000, ttl.GrantedTTL)
		require.LessOrEqual(t, ttl.TTL, int64(1000))
		require.Greater(t, ttl.TTL, int64(900))
		require.Empty(t, ttl.Keys, "keys only when asked for")
		require.NotZero(t, ttl.Header.Revision)
	})
	s.run("time_to_live_with_keys", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		for _, name := range []string{"b", "a"} {
			_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(name), Lease: lease})
			require.NoError(t, err)
		}
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease, Keys: true})
		require.NoError(t, err)
		require.ElementsMatch(t, [][]byte{e.key("a"), e.key("b")}, ttl.Keys)
	})
	s.run("time_to_live_of_unknown", func(t *testing.T, e *env) {
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: 5_000_000_001, Keys: true})
		require.NoError(t, err)
		require.EqualValues(t, -1, ttl.TTL)
		require.EqualValues(t, 5_000_000_001, ttl.ID)
		require.Zero(t, ttl.GrantedTTL)
		require.Empty(t, ttl.Keys)
	})
	s.run("list", func(t *testing.T, e *env) {
		a, b := e.grant(t, 1000), e.grant(t, 1000)
		listed := func() map[int64]bool {
			resp, err := e.lease.LeaseLeases(e.ctx, &pb.LeaseLeasesRequest{})
			require.NoError(t, err)
			ids := map[int64]bool{}
			for _, l := range resp.Leases {
				ids[l.ID] = true
			}
			return ids
		}
		require.True(t, listed()[a] && listed()[b])
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: a})
		require.NoError(t, err)
		require.True(t, !listed()[a] && listed()[b])
	})
	s.run("no_revision_of_their_own", func(t *testing.T, e *env) {
		// The shared server writes elsewhere, so compare what a lease's key shows.
		lease := e.grant(t, 1000)
		resp, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: 1000})
		require.NoError(t, err)
		require.NotZero(t, resp.Header.Revision)
		require.NotEqual(t, lease, resp.ID)
	})
	s.run("many_keys", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		for batch := range 4 {
			var list []*pb.RequestOp
			for i := range 100 {
				list = append(list, wrapPut(&pb.PutRequest{Key: e.key(fmt.Sprintf("%d-%d", batch, i)), Lease: lease}))
			}
			e.txn(t, &pb.TxnRequest{Success: list})
		}
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		require.Zero(t, e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), CountOnly: true}).Count)
	})
}

func leaseGrantCases(s *suite) {
	s.run("grant_server_names", func(t *testing.T, e *env) {
		resp, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: 1000})
		require.NoError(t, err)
		require.Positive(t, resp.ID)
		require.EqualValues(t, 1000, resp.TTL)
		require.NotZero(t, resp.Header.MemberId)
	})
	for name, id := range map[string]int64{
		"small": 7, "negative": -7, "largest": math.MaxInt64, "most_negative": math.MinInt64,
	} {
		s.run("grant_id_"+name, func(t *testing.T, e *env) {
			resp, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{ID: id, TTL: 1000})
			require.NoError(t, err)
			require.Equal(t, id, resp.ID)
			_, err = e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: id})
			require.NoError(t, err)
			require.Equal(t, id, e.get(t, "a").Lease)
			_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: id})
			require.NoError(t, err)
			require.Nil(t, e.get(t, "a"))
		})
	}
	// A member's election timeout of 1 s makes 2 s the shortest lease.
	for name, c := range map[string]struct{ ask, get int64 }{
		"zero":          {0, 2},
		"one":           {1, 2},
		"negative":      {-1, 2},
		"most_negative": {math.MinInt64, 2},
		"longest":       {leaseTTLMax, leaseTTLMax},
	} {
		s.run("grant_ttl_"+name, func(t *testing.T, e *env) {
			resp, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: c.ask})
			require.NoError(t, err)
			require.Equal(t, c.get, resp.TTL)
			_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: resp.ID})
			require.NoError(t, err)
		})
	}
}

func leaseErrorCases(s *suite) {
	s.run("error_grant_duplicate", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{ID: lease, TTL: 5})
		requireStatus(t, rpctypes.ErrGRPCLeaseExist, err)
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease})
		require.NoError(t, err)
		require.EqualValues(t, 1000, ttl.GrantedTTL)
	})
	for name, ttl := range map[string]int64{"just": leaseTTLMax + 1, "far": math.MaxInt64} {
		s.run("error_grant_ttl_too_large_"+name, func(t *testing.T, e *env) {
			_, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: ttl})
			requireStatus(t, rpctypes.ErrGRPCLeaseTTLTooLarge, err)
		})
	}
	for name, id := range map[string]int64{"unknown": 5_000_000_002, "zero": 0, "negative": -99} {
		s.run("error_revoke_"+name, func(t *testing.T, e *env) {
			_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: id})
			requireStatus(t, rpctypes.ErrGRPCLeaseNotFound, err)
		})
		s.run("keep_alive_"+name+"_is_ttl_zero", func(t *testing.T, e *env) {
			stream, err := e.lease.LeaseKeepAlive(e.ctx)
			require.NoError(t, err)
			require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: id}))
			resp, err := stream.Recv()
			require.NoError(t, err)
			require.Zero(t, resp.TTL)
			require.Equal(t, id, resp.ID)
		})
	}
}
