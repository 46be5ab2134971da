package conformance

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/status"
)

// compactCases run one after the other on a server of their own, each
// compacting further.
func compactCases(s *suite) {
	for _, physical := range []bool{false, true} {
		s.run(fmt.Sprintf("forgets_the_past_physical_%v", physical), func(t *testing.T, e *env) {
			r1 := e.put(t, "a", "1")
			r2 := e.put(t, "a", "2")
			r3 := e.put(t, "a", "3")
			resp, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2, Physical: physical})
			require.NoError(t, err)
			require.Equal(t, r3, resp.Header.Revision)
			_, err = e.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("a"), Revision: r1})
			requireStatus(t, rpctypes.ErrGRPCCompacted, err)
			at := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: r2})
			require.Equal(t, []string{"2"}, values(at.Kvs), "the compacted revision itself stays readable")
			require.Equal(t, "3", string(e.get(t, "a").Value))
		})
	}
	s.run("keeps_live_keys_and_their_past_fields", func(t *testing.T, e *env) {
		created := e.put(t, "a", "1")
		e.put(t, "a", "2")
		e.put(t, "b", "1")
		e.del(t, "b")
		rev := e.put(t, "c", "1")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
		require.NoError(t, err)
		kv := e.get(t, "a")
		require.Equal(t, created, kv.CreateRevision)
		require.EqualValues(t, 2, kv.Version)
		require.Nil(t, e.get(t, "b"))
		got := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Revision: rev, Limit: 1})
		require.EqualValues(t, 2, got.Count)
	})
	s.run("at_the_current_revision", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev})
		require.NoError(t, err)
		require.Equal(t, "1", string(e.get(t, "a").Value))
	})
	s.run("deleted_key_at_the_compacted_revision", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		rev := e.del(t, "a")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
		require.NoError(t, err)
		require.Empty(t, e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: rev}).Kvs)
		again := e.put(t, "a", "2")
		require.Equal(t, again, e.get(t, "a").CreateRevision)
	})
	s.run("error_twice", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev})
		require.NoError(t, err)
		_, err = e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev})
		requireStatus(t, rpctypes.ErrGRPCCompacted, err)
		_, err = e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev - 1, Physical: true})
		requireStatus(t, rpctypes.ErrGRPCCompacted, err)
	})
	for name, rev := range map[string]int64{"zero": 0, "negative": -1, "most_negative": math.MinInt64} {
		s.run("error_"+name, func(t *testing.T, e *env) {
			_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev})
			requireStatus(t, rpctypes.ErrGRPCCompacted, err)
		})
	}
	for name, ahead := range map[string]int64{"just_ahead": 1, "far_ahead": 1 << 40} {
		s.run("error_"+name, func(t *testing.T, e *env) {
			rev := e.put(t, "a", "1")
			_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev + ahead})
			requireStatus(t, rpctypes.ErrGRPCFutureRev, err)
		})
	}
	s.run("range_in_txn_of_the_compacted_past", func(t *testing.T, e *env) {
		r1 := e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2})
		require.NoError(t, err)
		_, err = e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(
			opPut(e.key("b"), "1"), wrapRange(&pb.RangeRequest{Key: e.key("a"), Revision: r1}),
		)})
		requireStatus(t, rpctypes.ErrGRPCCompacted, err)
		require.Nil(t, e.get(t, "b"))
	})
	s.run("stream_of_the_compacted_past", func(t *testing.T, e *env) {
		needs(t, e, rangeStream)
		r1 := e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2})
		require.NoError(t, err)
		_, err = e.rangeStream(t, &pb.RangeRequest{Key: e.key("a"), Revision: r1})
		requireStatus(t, rpctypes.ErrGRPCCompacted, err)
	})
	compactWatchCases(s)
	s.run("many_versions", func(t *testing.T, e *env) {
		var rev int64
		for i := range 600 {
			resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(fmt.Sprint(i % 20)), Value: []byte(fmt.Sprint(i))})
			require.NoError(t, err)
			rev = resp.Header.Revision
		}
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
		require.NoError(t, err)
		got := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()})
		require.EqualValues(t, 20, got.Count)
		for _, kv := range got.Kvs {
			require.EqualValues(t, 30, kv.Version)
		}
	})
	s.run("survives_a_restart", func(t *testing.T, e *env) {
		r1 := e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2, Physical: true})
		require.NoError(t, err)
		require.NoError(t, e.cluster.Member(0).Restart())
		require.NoError(t, e.cluster.Member(0).WaitHealthy(e.ctx))
		e.until(t, "the connection to come back", func() bool {
			_, err = e.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("a"), Revision: r1})
			return status.Convert(err).Message() == status.Convert(rpctypes.ErrGRPCCompacted).Message()
		})
		require.Equal(t, []string{"2"}, values(e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: r2}).Kvs))
	})
}

func compactWatchCases(s *suite) {
	s.run("watch_from_the_compacted_past", func(t *testing.T, e *env) {
		r1 := e.put(t, "a", "1")
		e.put(t, "a", "2")
		r3 := e.put(t, "a", "3")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r3})
		require.NoError(t, err)
		w := e.watchStream(t)
		created := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: r1})
		require.False(t, created.Canceled, "accepted first, then canceled")
		resp := w.next(t)
		require.True(t, resp.Canceled)
		require.Equal(t, created.WatchId, resp.WatchId)
		require.Equal(t, r3, resp.CompactRevision)
		require.Empty(t, resp.Events)
		require.False(t, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).Canceled, "the stream lives on")
	})
	s.run("watch_from_the_compacted_revision", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		e.put(t, "a", "3")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2})
		require.NoError(t, err)
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: r2}).WatchId
		require.Equal(t, []string{"PUT a=2", "PUT a=3"}, e.described(w.events(t, id, 2)))
	})
	s.run("watch_from_after_the_compacted_revision", func(t *testing.T, e *env) {
		r1 := e.put(t, "a", "1")
		e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r1, Physical: true})
		require.NoError(t, err)
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: r1 + 1}).WatchId
		require.Equal(t, []string{"PUT a=2"}, e.described(w.events(t, id, 1)))
	})
	s.run("watch_in_progress_is_not_disturbed", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		e.put(t, "a", "1")
		rev := e.put(t, "a", "2")
		w.events(t, id, 2)
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
		require.NoError(t, err)
		e.put(t, "a", "3")
		require.Equal(t, []string{"PUT a=3"}, e.described(w.events(t, id, 1)))
	})
	s.run("watch_prev_kv_that_was_compacted", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		r3 := e.put(t, "a", "3")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2, Physical: true})
		require.NoError(t, err)
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: r3, PrevKv: true}).WatchId
		ev := w.events(t, id, 1)[0]
		require.Equal(t, "2", string(ev.PrevKv.Value), "kept, as it is the compacted revision's own")
	})
	s.run("watch_client_error", func(t *testing.T, e *env) {
		r1 := e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: r2})
		require.NoError(t, err)
		got := <-e.client.Watch(e.ctx, string(e.key("a")), rev(r1))
		require.ErrorIs(t, got.Err(), rpctypes.ErrCompacted)
		require.Equal(t, r2, got.CompactRevision)
	})
}
