package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// lockCases: the Lock service.
func lockCases(s *suite) {
	lock := func(e *env) v3lockpb.LockClient { return v3lockpb.NewLockClient(e.conn) }
	// waiters waits until n holders and waiters have a key.
	waiters := func(t *testing.T, e *env, n int64) {
		t.Helper()
		e.until(t, "the waiters' keys", func() bool {
			return e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), CountOnly: true}).Count == n
		})
	}
	name := func(e *env) []byte { return e.key("lock") }
	s.run("lock_and_unlock", func(t *testing.T, e *env) {
		id := e.grant(t, 100)
		got, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%s/%x", name(e), id), string(got.Key))
		require.Positive(t, got.Header.Revision)
		kvs := e.rangeOf(t, &pb.RangeRequest{Key: got.Key}).Kvs
		require.Len(t, kvs, 1)
		require.Equal(t, id, kvs[0].Lease)
		require.Empty(t, kvs[0].Value)
		gone, err := lock(e).Unlock(e.ctx, &v3lockpb.UnlockRequest{Key: got.Key})
		require.NoError(t, err)
		require.Greater(t, gone.Header.Revision, kvs[0].CreateRevision)
		require.Empty(t, e.rangeOf(t, &pb.RangeRequest{Key: got.Key}).Kvs)
	})
	s.run("lease_of_the_server", func(t *testing.T, e *env) {
		got, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e)})
		require.NoError(t, err)
		kv := e.rangeOf(t, &pb.RangeRequest{Key: got.Key}).Kvs[0]
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: kv.Lease})
		require.NoError(t, err)
		require.EqualValues(t, 60, ttl.GrantedTTL)
		_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: kv.Lease})
		require.NoError(t, err)
		_, err = lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: e.grant(t, 100)})
		require.NoError(t, err, "the lock fell with the lease")
	})
	s.run("one_holder_in_order", func(t *testing.T, e *env) {
		const n = 5
		held := make(chan string, n)
		fail := make(chan error, n)
		for i := range n {
			id := e.grant(t, 100)
			go func() {
				got, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
				if err != nil {
					fail <- err
					return
				}
				held <- string(got.Key)
			}()
			waiters(t, e, int64(i+1))
		}
		var order []int64
		for range n {
			var key string
			select {
			case key = <-held:
			case err := <-fail:
				require.NoError(t, err)
			}
			require.Empty(t, held, "one holds it")
			order = append(order, e.rangeOf(t, &pb.RangeRequest{Key: []byte(key)}).Kvs[0].CreateRevision)
			_, err := lock(e).Unlock(e.ctx, &v3lockpb.UnlockRequest{Key: []byte(key)})
			require.NoError(t, err)
		}
		require.IsIncreasing(t, order, "who came first holds it first")
	})
	s.run("same_lease_is_the_same_holder", func(t *testing.T, e *env) {
		id := e.grant(t, 100)
		first, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
		require.NoError(t, err)
		second, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
		require.NoError(t, err)
		require.Equal(t, first.Key, second.Key)
	})
	s.run("who_gives_up_leaves_nothing", func(t *testing.T, e *env) {
		_, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: e.grant(t, 100)})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(e.ctx)
		ended := make(chan error, 1)
		id := e.grant(t, 100)
		go func() {
			_, err := lock(e).Lock(ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
			ended <- err
		}()
		waiters(t, e, 2)
		cancel()
		requireCode(t, codes.Canceled, <-ended)
		waiters(t, e, 1)
	})
	s.run("waiter_fails_with_its_lease", func(t *testing.T, e *env) {
		needs(t, e, lostLock)
		_, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: e.grant(t, 100)})
		require.NoError(t, err)
		id := e.grant(t, 100)
		ended := make(chan error, 1)
		holder := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}).Kvs[0].Key
		go func() {
			_, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
			ended <- err
		}()
		waiters(t, e, 2)
		_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: id})
		require.NoError(t, err)
		_, err = lock(e).Unlock(e.ctx, &v3lockpb.UnlockRequest{Key: holder})
		require.NoError(t, err)
		requireStatus(t, status.Error(codes.Unknown, "mutex: session is expired"), <-ended)
	})
	s.run("unknown_lease", func(t *testing.T, e *env) {
		for _, id := range []int64{77, -77} {
			_, err := lock(e).Lock(e.ctx, &v3lockpb.LockRequest{Name: name(e), Lease: id})
			requireStatus(t, status.Error(codes.Unknown, "etcdserver: requested lease not found"), err)
		}
	})
	s.run("unlock_what_is_not_locked", func(t *testing.T, e *env) {
		_, err := lock(e).Unlock(e.ctx, &v3lockpb.UnlockRequest{Key: e.key("nothing")})
		require.NoError(t, err)
		_, err = lock(e).Unlock(e.ctx, &v3lockpb.UnlockRequest{})
		requireStatus(t, status.Error(codes.Unknown, "etcdserver: key is not provided"), err)
	})
	s.run("gateway", func(t *testing.T, e *env) {
		got := e.ok(t, "/v3/lock/lock", object{"name": b64(string(name(e)))})
		require.Len(t, e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}).Kvs, 1)
		e.ok(t, "/v3/lock/unlock", object{"key": got["key"]})
		require.Empty(t, e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}).Kvs)
		code, answer := e.post(t, "/v3/lock/lock", object{"name": b64(string(name(e))), "lease": "77"})
		require.Equal(t, 500, code, "%v", answer)
		require.Equal(t, "etcdserver: requested lease not found", answer["message"])
	})
}
