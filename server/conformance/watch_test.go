package conformance

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// watchCases: what events a watch gets, in which order and grouping, from
// which revision on.
func watchCases(s *suite) {
	watchFromCases(s)
	watchRangeCases(s)
	watchOptionCases(s)

	s.run("put_event", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		created := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")})
		require.NotZero(t, created.Header.Revision)
		require.NotZero(t, created.Header.ClusterId)
		require.NotZero(t, created.Header.MemberId)
		rev := e.put(t, "a", "1")
		resp := w.next(t)
		require.Equal(t, created.WatchId, resp.WatchId)
		require.GreaterOrEqual(t, resp.Header.Revision, rev)
		require.Zero(t, resp.CompactRevision)
		require.False(t, resp.Created)
		ev := resp.Events[0]
		require.Equal(t, mvccpb.Event_PUT, ev.Type)
		require.Equal(t, rev, ev.Kv.ModRevision)
		require.Equal(t, rev, ev.Kv.CreateRevision)
		require.EqualValues(t, 1, ev.Kv.Version)
		require.Nil(t, ev.PrevKv)
	})
	s.run("delete_event", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		rev := e.del(t, "a")
		ev := w.events(t, id, 1)[0]
		require.Equal(t, mvccpb.Event_DELETE, ev.Type)
		require.Equal(t, e.key("a"), ev.Kv.Key)
		require.Equal(t, rev, ev.Kv.ModRevision)
		require.Zero(t, ev.Kv.CreateRevision)
		require.Zero(t, ev.Kv.Version)
		require.Empty(t, ev.Kv.Value)
	})
	s.run("delete_of_nothing_is_no_event", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		_, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: e.key("a")})
		require.NoError(t, err)
		e.put(t, "a", "1")
		require.Equal(t, []string{"PUT a=1"}, e.described(w.events(t, id, 1)))
	})
	s.run("order_of_many_puts", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()}).WatchId
		var want []string
		for i := range 200 {
			name := fmt.Sprint("k", i%7)
			e.put(t, name, fmt.Sprint(i))
			want = append(want, fmt.Sprintf("PUT %s=%d", name, i))
		}
		events := w.events(t, id, 200)
		require.Equal(t, want, e.described(events))
		for i := 1; i < len(events); i++ {
			require.Greater(t, events[i].Kv.ModRevision, events[i-1].Kv.ModRevision)
		}
	})
	s.run("txn_events_come_together_in_order", func(t *testing.T, e *env) {
		e.put(t, "gone", "1")
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()})
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			opPut(e.key("z"), "1"), wrapDelete(&pb.DeleteRangeRequest{Key: e.key("gone")}), opPut(e.key("a"), "2"),
			wrapTxn(&pb.TxnRequest{Success: ops(opPut(e.key("m"), "3"))}),
		)})
		got := w.next(t)
		require.Equal(t, []string{"PUT z=1", "DELETE gone", "PUT a=2", "PUT m=3"}, e.described(got.Events))
		for _, ev := range got.Events {
			require.Equal(t, resp.Header.Revision, ev.Kv.ModRevision)
		}
	})
	s.run("txn_events_of_the_past_come_together", func(t *testing.T, e *env) {
		var list []*pb.RequestOp
		for i := range 100 {
			list = append(list, opPut(e.key(fmt.Sprintf("%03d", i)), "v"))
		}
		rev := e.txn(t, &pb.TxnRequest{Success: list}).Header.Revision
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end(), StartRevision: rev})
		require.Len(t, w.next(t).Events, 100)
	})
	s.run("refused_txn_is_no_event", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()}).WatchId
		_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(opPut(e.key("a"), "1"), wrapPut(&pb.PutRequest{Key: e.key("b"), Lease: 42424242}))})
		require.Error(t, err)
		e.put(t, "c", "1")
		require.Equal(t, []string{"PUT c=1"}, e.described(w.events(t, id, 1)))
	})
	s.run("lease_revocation_deletes_in_one_revision", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		for _, name := range []string{"c", "a", "b"} {
			_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(name), Lease: lease})
			require.NoError(t, err)
		}
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()})
		revoked, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: lease})
		require.NoError(t, err)
		resp := w.next(t)
		require.Equal(t, []string{"DELETE a", "DELETE b", "DELETE c"}, e.described(resp.Events))
		for _, ev := range resp.Events {
			require.Equal(t, resp.Events[0].Kv.ModRevision, ev.Kv.ModRevision)
			require.LessOrEqual(t, ev.Kv.ModRevision, revoked.Header.Revision)
		}
	})
	s.run("large_event", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		e.put(t, "a", strings.Repeat("x", 1_400_000))
		require.Len(t, w.events(t, id, 1)[0].Kv.Value, 1_400_000)
	})
}

// watchFromCases: the start revision.
func watchFromCases(s *suite) {
	s.run("from_the_past", func(t *testing.T, e *env) {
		first := e.put(t, "a", "1")
		e.put(t, "a", "2")
		e.del(t, "a")
		e.put(t, "other", "x")
		e.put(t, "a", "3")
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: first}).WatchId
		require.Equal(t, []string{"PUT a=1", "PUT a=2", "DELETE a", "PUT a=3"}, e.described(w.events(t, id, 4)))
		e.put(t, "a", "4")
		require.Equal(t, []string{"PUT a=4"}, e.described(w.events(t, id, 1)))
	})
	s.run("from_inside_the_past", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		second := e.put(t, "a", "2")
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: second}).WatchId
		require.Equal(t, []string{"PUT a=2"}, e.described(w.events(t, id, 1)))
	})
	s.run("from_now_skips_the_past", func(t *testing.T, e *env) {
		e.put(t, "a", "old")
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		e.put(t, "a", "new")
		require.Equal(t, []string{"PUT a=new"}, e.described(w.events(t, id, 1)))
	})
	s.run("from_the_next_revision", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "old")
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: rev + 1}).WatchId
		e.put(t, "a", "new")
		require.Equal(t, []string{"PUT a=new"}, e.described(w.events(t, id, 1)))
	})
	s.run("from_the_far_future_is_silent", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		resp := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: math.MaxInt64})
		require.False(t, resp.Canceled)
		e.put(t, "a", "1")
		w.quiet(t)
	})
	s.run("from_a_future_that_comes", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "0")
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: rev + 300})
		// Other cases raise the revision too, so only the bound is known.
		var last int64
		for last < rev+300 {
			last = e.put(t, "a", "x")
		}
		for _, ev := range w.next(t).Events {
			require.GreaterOrEqual(t, ev.Kv.ModRevision, rev+300)
		}
	})
	s.run("from_negative_is_refused", func(t *testing.T, e *env) {
		needs(t, e, negativeWatchFrom)
		w := e.watchStream(t)
		resp := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: -1})
		require.True(t, resp.Canceled)
		require.EqualValues(t, -1, resp.WatchId)
		require.Contains(t, resp.CancelReason, "required revision has been compacted")
		require.False(t, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).Canceled, "the stream lives on")
	})
	s.run("many_events_of_the_past", func(t *testing.T, e *env) {
		first := e.put(t, "a", "0")
		for i := 1; i < 1500; i++ {
			_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte(fmt.Sprint(i))})
			require.NoError(t, err)
		}
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), StartRevision: first}).WatchId
		for i, ev := range w.events(t, id, 1500) {
			require.Equal(t, fmt.Sprint(i), string(ev.Kv.Value))
		}
	})
}

// watchRangeCases: which keys a watch is about.
func watchRangeCases(s *suite) {
	for _, c := range []struct {
		name     string
		from, to string
		single   bool
		want     []string
	}{
		{"single", "b", "", true, []string{"b"}},
		{"half_open", "b", "d", false, []string{"b", "bb", "c"}},
		{"whole_prefix", "", "\xff", false, []string{"a", "b", "bb", "c", "d"}},
		{"smallest_interval", "b", "b\x00", false, []string{"b"}},
	} {
		s.run("range_"+c.name, func(t *testing.T, e *env) {
			w := e.watchStream(t)
			r := &pb.WatchCreateRequest{Key: e.key(c.from)}
			if !c.single {
				r.RangeEnd = e.key(c.to)
			}
			id := w.create(t, r).WatchId
			for _, name := range []string{"a", "b", "bb", "c", "d"} {
				e.put(t, name, "v")
			}
			var got []string
			for _, ev := range w.events(t, id, len(c.want)) {
				got = append(got, string(ev.Kv.Key[len(e.prefix):]))
			}
			require.Equal(t, c.want, got)
			w.quiet(t)
		})
	}
	s.run("range_from_key", func(t *testing.T, e *env) {
		key := append([]byte("\xff\xff"), e.prefix...)
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: key, RangeEnd: []byte{0}})
		e.put(t, "below", "v")
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: append(key, 'a')})
		require.NoError(t, err)
		require.Equal(t, append(key, 'a'), w.next(t).Events[0].Kv.Key)
	})
	s.run("range_everything", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{RangeEnd: []byte{0}})
		e.put(t, "a", "v")
		e.until(t, "the event among all others", func() bool {
			for _, ev := range w.next(t).Events {
				if string(ev.Kv.Key) == string(e.key("a")) {
					return true
				}
			}
			return false
		})
	})
	for name, end := range map[string]string{"inverted": "a", "empty_interval": "b"} {
		s.run("range_"+name+"_is_refused", func(t *testing.T, e *env) {
			w := e.watchStream(t)
			resp := w.create(t, &pb.WatchCreateRequest{Key: e.key("b"), RangeEnd: e.key(end)})
			require.True(t, resp.Canceled)
			require.EqualValues(t, -1, resp.WatchId)
			require.False(t, w.create(t, &pb.WatchCreateRequest{Key: e.key("b")}).Canceled, "the stream lives on")
		})
	}
}

// watchOptionCases: filters, previous values, fragments.
func watchOptionCases(s *suite) {
	for _, c := range []struct {
		name    string
		filters []pb.WatchCreateRequest_FilterType
		want    []string
	}{
		{"noput", []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT}, []string{"DELETE a", "DELETE end"}},
		{"nodelete", []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE}, []string{"PUT a=1", "PUT a=2", "PUT end=x"}},
		{"twice_the_same", []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT, pb.WatchCreateRequest_NOPUT}, []string{"DELETE a", "DELETE end"}},
		{"unknown_is_ignored", []pb.WatchCreateRequest_FilterType{9}, []string{"PUT a=1", "DELETE a", "PUT a=2", "PUT end=x", "DELETE end"}},
	} {
		for _, past := range []bool{false, true} {
			s.run(fmt.Sprintf("filter_%s_past_%v", c.name, past), func(t *testing.T, e *env) {
				start := e.put(t, "before", "x") + 1
				w := e.watchStream(t)
				r := &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end(), Filters: c.filters}
				var id int64
				if !past {
					id = w.create(t, r).WatchId
				}
				e.put(t, "a", "1")
				e.del(t, "a")
				e.put(t, "a", "2")
				e.put(t, "end", "x")
				e.del(t, "end")
				if past {
					r.StartRevision = start
					id = w.create(t, r).WatchId
				}
				require.Equal(t, c.want, e.described(w.events(t, id, len(c.want))))
			})
		}
	}
	s.run("filter_both_gives_nothing", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT, pb.WatchCreateRequest_NODELETE}})
		e.put(t, "a", "1")
		e.del(t, "a")
		w.quiet(t)
	})
	for _, past := range []bool{false, true} {
		s.run(fmt.Sprintf("prev_kv_past_%v", past), func(t *testing.T, e *env) {
			start := e.put(t, "before", "x") + 1
			w := e.watchStream(t)
			r := &pb.WatchCreateRequest{Key: e.key("a"), PrevKv: true}
			var id int64
			if !past {
				id = w.create(t, r).WatchId
			}
			e.put(t, "a", "1")
			e.put(t, "a", "2")
			e.del(t, "a")
			e.put(t, "a", "3")
			if past {
				r.StartRevision = start
				id = w.create(t, r).WatchId
			}
			events := w.events(t, id, 4)
			require.Nil(t, events[0].PrevKv)
			require.Equal(t, "1", string(events[1].PrevKv.Value))
			require.EqualValues(t, 1, events[1].PrevKv.Version)
			require.Equal(t, "2", string(events[2].PrevKv.Value))
			require.Equal(t, events[0].Kv.ModRevision, events[2].PrevKv.CreateRevision)
			require.Nil(t, events[3].PrevKv, "a key that begins anew has no previous value")
		})
	}
	s.run("fragment_splits_a_large_revision", func(t *testing.T, e *env) {
		// Two events of one revision: with their previous values they exceed
		// the limit of a message, by the events alone the request did not.
		value := strings.Repeat("v", 700_000)
		e.put(t, "a", value)
		e.put(t, "b", value)
		whole, pieces := e.watchStream(t), e.watchStream(t)
		r := &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end(), PrevKv: true}
		whole.create(t, r)
		r.Fragment = true
		pieces.create(t, r)
		e.txn(t, &pb.TxnRequest{Success: ops(opPut(e.key("a"), value), opPut(e.key("b"), value))})

		resp := whole.next(t)
		require.Len(t, resp.Events, 2)
		require.False(t, resp.Fragment)
		for i, name := range []string{"a", "b"} {
			resp := pieces.next(t)
			require.Len(t, resp.Events, 1)
			require.Equal(t, e.key(name), resp.Events[0].Kv.Key)
			require.Equal(t, i == 0, resp.Fragment, "only the last piece is no fragment")
		}
	})
	s.run("fragment_leaves_small_responses_whole", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end(), Fragment: true})
		e.txn(t, &pb.TxnRequest{Success: ops(opPut(e.key("a"), "1"), opPut(e.key("b"), "1"))})
		resp := w.next(t)
		require.False(t, resp.Fragment)
		require.Len(t, resp.Events, 2)
	})
}
