package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// deleteCases: what a range deletion takes, returns and costs in revisions.
func deleteCases(s *suite) {
	for _, c := range []struct {
		name     string
		key, end string
		single   bool
		gone     []string
		left     []string
	}{
		{name: "single", key: "b", single: true, gone: []string{"b"}, left: []string{"a", "c", "d"}},
		{name: "single_missing", key: "bb", single: true, gone: []string{}, left: []string{"a", "b", "c", "d"}},
		{name: "half_open", key: "b", end: "d", gone: []string{"b", "c"}, left: []string{"a", "d"}},
		{name: "everything", key: "", end: "\xff", gone: []string{"a", "b", "c", "d"}, left: []string{}},
		{name: "empty_interval", key: "b", end: "b", gone: []string{}, left: []string{"a", "b", "c", "d"}},
		{name: "inverted", key: "d", end: "a", gone: []string{}, left: []string{"a", "b", "c", "d"}},
	} {
		s.run(c.name, func(t *testing.T, e *env) {
			for _, k := range []string{"a", "b", "c", "d"} {
				e.put(t, k, "of "+k)
			}
			r := &pb.DeleteRangeRequest{Key: e.key(c.key), PrevKv: true}
			if !c.single {
				r.RangeEnd = e.key(c.end)
			}
			resp, err := e.kv.DeleteRange(e.ctx, r)
			require.NoError(t, err)
			require.EqualValues(t, len(c.gone), resp.Deleted)
			require.Equal(t, c.gone, e.names(resp.PrevKvs))
			for _, kv := range resp.PrevKvs {
				require.Equal(t, "of "+string(kv.Key[len(e.prefix):]), string(kv.Value))
			}
			left := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()})
			require.Equal(t, c.left, e.names(left.Kvs))
		})
	}
	s.run("without_prev_kv", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: e.key("a")})
		require.NoError(t, err)
		require.Empty(t, resp.PrevKvs)
		require.EqualValues(t, 1, resp.Deleted)
	})
	s.run("all_in_one_revision", func(t *testing.T, e *env) {
		for _, k := range []string{"a", "b", "c"} {
			e.put(t, k, "v")
		}
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()})
		resp, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: e.key(""), RangeEnd: e.end()})
		require.NoError(t, err)
		events := w.next(t).Events
		require.Len(t, events, 3)
		for _, ev := range events {
			require.Equal(t, resp.Header.Revision, ev.Kv.ModRevision)
		}
	})
	s.run("twice_deletes_once", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		e.del(t, "a")
		resp, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: e.key("a"), PrevKv: true})
		require.NoError(t, err)
		require.Zero(t, resp.Deleted)
		require.Empty(t, resp.PrevKvs)
	})
	s.run("past_stays_readable", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		e.del(t, "a")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: rev})
		require.Equal(t, []string{"1"}, values(resp.Kvs))
	})
	s.run("detaches_from_lease", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Lease: lease})
		require.NoError(t, err)
		e.del(t, "a")
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease, Keys: true})
		require.NoError(t, err)
		require.Empty(t, ttl.Keys)
		e.put(t, "a", "2")
		_, err = e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		require.NotNil(t, e.get(t, "a"))
	})
	s.run("error_empty_key", func(t *testing.T, e *env) {
		_, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{})
		requireStatus(t, rpctypes.ErrGRPCEmptyKey, err)
	})
	s.run("error_empty_key_with_end", func(t *testing.T, e *env) {
		_, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{RangeEnd: []byte{0}})
		requireStatus(t, rpctypes.ErrGRPCEmptyKey, err)
	})
}
