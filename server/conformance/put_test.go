package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// putCases: versions and revisions of written keys, the put options, and what
// is refused.
func putCases(s *suite) {
	s.run("new_key", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		kv := e.get(t, "a")
		require.Equal(t, rev, kv.CreateRevision)
		require.Equal(t, rev, kv.ModRevision)
		require.EqualValues(t, 1, kv.Version)
		require.Zero(t, kv.Lease)
	})
	s.run("overwrite", func(t *testing.T, e *env) {
		created := e.put(t, "a", "1")
		modified := e.put(t, "a", "2")
		require.Greater(t, modified, created)
		kv := e.get(t, "a")
		require.Equal(t, created, kv.CreateRevision)
		require.Equal(t, modified, kv.ModRevision)
		require.EqualValues(t, 2, kv.Version)
	})
	s.run("same_value_still_counts", func(t *testing.T, e *env) {
		first := e.put(t, "a", "1")
		require.Greater(t, e.put(t, "a", "1"), first)
		require.EqualValues(t, 2, e.get(t, "a").Version)
	})
	s.run("empty_value", func(t *testing.T, e *env) {
		e.put(t, "a", "")
		kv := e.get(t, "a")
		require.NotNil(t, kv)
		require.Empty(t, kv.Value)
	})
	s.run("after_delete_begins_anew", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		e.put(t, "a", "2")
		e.del(t, "a")
		rev := e.put(t, "a", "3")
		kv := e.get(t, "a")
		require.Equal(t, rev, kv.CreateRevision)
		require.EqualValues(t, 1, kv.Version)
	})
	s.run("header", func(t *testing.T, e *env) {
		resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a")})
		require.NoError(t, err)
		require.NotZero(t, resp.Header.ClusterId)
		require.NotZero(t, resp.Header.MemberId)
		require.NotZero(t, resp.Header.RaftTerm)
		require.Nil(t, resp.PrevKv)
	})
	s.run("prev_kv", func(t *testing.T, e *env) {
		created := e.put(t, "a", "1")
		resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("2"), PrevKv: true})
		require.NoError(t, err)
		require.Equal(t, "1", string(resp.PrevKv.Value))
		require.Equal(t, created, resp.PrevKv.ModRevision)
	})
	s.run("prev_kv_of_nothing", func(t *testing.T, e *env) {
		resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), PrevKv: true})
		require.NoError(t, err)
		require.Nil(t, resp.PrevKv)
	})
	s.run("ignore_value", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		e.put(t, "a", "kept")
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), IgnoreValue: true, Lease: lease})
		require.NoError(t, err)
		kv := e.get(t, "a")
		require.Equal(t, "kept", string(kv.Value))
		require.Equal(t, lease, kv.Lease)
		require.EqualValues(t, 2, kv.Version)
	})
	s.run("ignore_lease", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		require.NoError(t, err)
		_, err = e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("new"), IgnoreLease: true})
		require.NoError(t, err)
		kv := e.get(t, "a")
		require.Equal(t, "new", string(kv.Value))
		require.Equal(t, lease, kv.Lease)
	})
	s.run("ignore_both_with_prev_kv", func(t *testing.T, e *env) {
		e.put(t, "a", "kept")
		resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), IgnoreValue: true, IgnoreLease: true, PrevKv: true})
		require.NoError(t, err)
		require.Equal(t, "kept", string(resp.PrevKv.Value))
		require.Equal(t, "kept", string(e.get(t, "a").Value))
	})
	s.run("without_lease_detaches", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		require.NoError(t, err)
		e.put(t, "a", "2")
		require.Zero(t, e.get(t, "a").Lease)
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease, Keys: true})
		require.NoError(t, err)
		require.Empty(t, ttl.Keys)
	})
	s.run("other_lease_moves", func(t *testing.T, e *env) {
		from, to := e.grant(t, 1000), e.grant(t, 1000)
		for _, lease := range []int64{from, to} {
			_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
			require.NoError(t, err)
		}
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: from})
		require.NoError(t, err)
		require.NotNil(t, e.get(t, "a"), "the first lease no longer holds the key")
	})

	for _, c := range []struct {
		name string
		req  func(e *env) *pb.PutRequest
		want error
	}{
		{"empty_key", func(*env) *pb.PutRequest { return &pb.PutRequest{Value: []byte("v")} }, rpctypes.ErrGRPCEmptyKey},
		{"value_and_ignore_value", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), Value: []byte("v"), IgnoreValue: true}
		}, rpctypes.ErrGRPCValueProvided},
		{"lease_and_ignore_lease", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), Lease: 1, IgnoreLease: true}
		}, rpctypes.ErrGRPCLeaseProvided},
		{"ignore_value_of_nothing", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), IgnoreValue: true}
		}, rpctypes.ErrGRPCKeyNotFound},
		{"ignore_lease_of_nothing", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), IgnoreLease: true}
		}, rpctypes.ErrGRPCKeyNotFound},
		{"unknown_lease", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), Lease: 123456789}
		}, rpctypes.ErrGRPCLeaseNotFound},
		{"negative_unknown_lease", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), Lease: -1}
		}, rpctypes.ErrGRPCLeaseNotFound},
		{"value_check_before_lease_check", func(e *env) *pb.PutRequest {
			return &pb.PutRequest{Key: e.key("a"), Value: []byte("v"), IgnoreValue: true, Lease: 1, IgnoreLease: true}
		}, rpctypes.ErrGRPCValueProvided},
	} {
		s.run("error_"+c.name, func(t *testing.T, e *env) {
			_, err := e.kv.Put(e.ctx, c.req(e))
			requireStatus(t, c.want, err)
			require.Nil(t, e.get(t, "a"), "a refused put leaves nothing")
		})
	}
}
