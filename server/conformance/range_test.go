package conformance

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// rangeCases: which keys a range names, limits, counts, revisions, and what
// is refused.
func rangeCases(s *suite) {
	rangeEndCases(s)
	rangeLimitCases(s)
	rangeRevisionCases(s)
	rangeErrorCases(s)

	s.run("header", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		h := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a")}).Header
		require.NotZero(t, h.ClusterId)
		require.NotZero(t, h.MemberId)
		require.NotZero(t, h.RaftTerm)
		require.GreaterOrEqual(t, h.Revision, rev)
	})
	s.run("serializable", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Serializable: true})
		require.Equal(t, []string{"1"}, values(resp.Kvs))
	})
	s.run("all_fields_of_a_key", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		created := e.put(t, "a", "1")
		resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("2"), Lease: lease})
		require.NoError(t, err)
		kv := e.get(t, "a")
		require.Equal(t, e.key("a"), kv.Key)
		require.Equal(t, "2", string(kv.Value))
		require.Equal(t, created, kv.CreateRevision)
		require.Equal(t, resp.Header.Revision, kv.ModRevision)
		require.EqualValues(t, 2, kv.Version)
		require.Equal(t, lease, kv.Lease)
	})
	s.run("keys_only", func(t *testing.T, e *env) {
		put, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("1"), Lease: e.grant(t, 1000)})
		require.NoError(t, err)
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), KeysOnly: true})
		require.Len(t, resp.Kvs, 1)
		require.Empty(t, resp.Kvs[0].Value)
		require.Equal(t, put.Header.Revision, resp.Kvs[0].ModRevision)
		require.EqualValues(t, 1, resp.Kvs[0].Version)
		if e.target.has(keysWithoutLease) {
			require.Zero(t, resp.Kvs[0].Lease)
		}
	})
	s.run("binary_keys_and_values", func(t *testing.T, e *env) {
		key := append(e.key(""), 0, 0xff, 0, 1)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: key, Value: []byte{0, 0xff}})
		require.NoError(t, err)
		resp := e.rangeOf(t, &pb.RangeRequest{Key: key})
		require.Equal(t, key, resp.Kvs[0].Key)
		require.Equal(t, []byte{0, 0xff}, resp.Kvs[0].Value)
	})
}

// rangeEndCases: a range is one key, [key,end), or everything from key on.
func rangeEndCases(s *suite) {
	all := []string{"a", "a\x00", "aa", "b", "c"}
	for _, c := range []struct {
		name       string
		key, end   string
		endIsExact bool // end is the whole range end, not a name below the prefix
		want       []string
	}{
		{name: "single", key: "a", endIsExact: true, want: []string{"a"}},
		{name: "single_missing", key: "zz", endIsExact: true, want: []string{}},
		{name: "half_open", key: "a", end: "b", want: []string{"a", "a\x00", "aa"}},
		{name: "end_between_keys", key: "a", end: "bb", want: []string{"a", "a\x00", "aa", "b"}},
		{name: "smallest_interval", key: "a", end: "a\x00", want: []string{"a"}},
		{name: "start_between_keys", key: "ab", end: "z", want: []string{"b", "c"}},
		{name: "empty_interval", key: "b", end: "b", want: []string{}},
		{name: "inverted", key: "c", end: "a", want: []string{}},
		{name: "prefix", key: "a", end: "b", want: []string{"a", "a\x00", "aa"}},
		{name: "whole_prefix", key: "", end: "\xff", want: all},
	} {
		s.run("end_"+c.name, func(t *testing.T, e *env) {
			for _, k := range all {
				e.put(t, k, "v")
			}
			r := &pb.RangeRequest{Key: e.key(c.key)}
			if !c.endIsExact {
				r.RangeEnd = e.key(c.end)
			}
			resp := e.rangeOf(t, r)
			require.Equal(t, c.want, e.names(resp.Kvs))
			require.EqualValues(t, len(c.want), resp.Count)
			require.False(t, resp.More)

			r.CountOnly = true
			resp = e.rangeOf(t, r)
			require.Empty(t, resp.Kvs)
			require.EqualValues(t, len(c.want), resp.Count)
		})
	}
	s.run("end_from_key", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), RangeEnd: []byte{0}, Limit: 1})
		require.Equal(t, []string{"a"}, e.names(resp.Kvs))
		require.GreaterOrEqual(t, resp.Count, int64(1))
	})
	s.run("end_every_key", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, CountOnly: true})
		require.GreaterOrEqual(t, resp.Count, int64(1))
	})
	s.run("end_from_last_key", func(t *testing.T, e *env) {
		resp := e.rangeOf(t, &pb.RangeRequest{Key: []byte("\xff\xff\xff\xff"), RangeEnd: []byte{0}})
		require.Empty(t, resp.Kvs)
		require.Zero(t, resp.Count)
	})
}

// rangeLimitCases: a limit cuts the keys but not the count.
func rangeLimitCases(s *suite) {
	for _, c := range []struct {
		name  string
		limit int64
		keys  int
		more  bool
	}{
		{"none", 0, 5, false},
		{"one", 1, 1, true},
		{"below", 4, 4, true},
		{"exact", 5, 5, false},
		{"above", 6, 5, false},
		{"huge", math.MaxInt64, 5, false},
		{"negative", -1, 5, false},
		{"most_negative", math.MinInt64, 5, false},
	} {
		s.run("limit_"+c.name, func(t *testing.T, e *env) {
			var rev int64
			for _, k := range []string{"a", "b", "c", "d", "e"} {
				rev = e.put(t, k, k)
			}
			e.put(t, "f", "later")
			e.del(t, "a")
			for _, keysOnly := range []bool{false, true} {
				resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Revision: rev, Limit: c.limit, KeysOnly: keysOnly})
				require.Len(t, resp.Kvs, c.keys)
				require.Equal(t, "a", e.names(resp.Kvs)[0])
				require.EqualValues(t, 5, resp.Count, "the count ignores the limit")
				require.Equal(t, c.more, resp.More)
			}
			resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Revision: rev, Limit: c.limit, CountOnly: true})
			require.Empty(t, resp.Kvs)
			require.EqualValues(t, 5, resp.Count)
			require.False(t, resp.More, "count_only returns no keys, so nothing was cut")
		})
	}
	s.run("pages_at_one_revision", func(t *testing.T, e *env) {
		var want []string
		var rev int64
		for i := range 23 {
			name := string(rune('a' + i))
			want = append(want, name)
			rev = e.put(t, name, "v")
		}
		var got []string
		next := e.key("")
		for page := 0; ; page++ {
			// Writes between pages must not show.
			e.put(t, "a", "changed")
			e.put(t, "new"+string(rune('a'+page)), "v")
			resp := e.rangeOf(t, &pb.RangeRequest{Key: next, RangeEnd: e.end(), Limit: 5, Revision: rev})
			require.EqualValues(t, len(want)-len(got), resp.Count)
			got = append(got, e.names(resp.Kvs)...)
			if !resp.More {
				break
			}
			require.Len(t, resp.Kvs, 5)
			next = append(resp.Kvs[len(resp.Kvs)-1].Key, 0)
		}
		require.Equal(t, want, got)
	})
}

// rangeRevisionCases: reads of the past see the past, under the present
// revision in the header.
func rangeRevisionCases(s *suite) {
	s.run("revision_history_of_a_key", func(t *testing.T, e *env) {
		r1 := e.put(t, "a", "1")
		r2 := e.put(t, "a", "2")
		r3 := e.del(t, "a")
		r4 := e.put(t, "a", "4")
		at := func(rev int64) []string {
			return values(e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: rev}).Kvs)
		}
		require.Equal(t, []string{"1"}, at(r1))
		require.Equal(t, []string{"2"}, at(r2))
		require.Empty(t, at(r3))
		require.Equal(t, []string{"4"}, at(r4))
		require.Empty(t, at(r1-1))
		require.EqualValues(t, 1, e.get(t, "a").Version, "a deletion ends a key's life")
		require.Equal(t, r4, e.get(t, "a").CreateRevision)
	})
	s.run("revision_in_header_is_current", func(t *testing.T, e *env) {
		old := e.put(t, "a", "1")
		now := e.put(t, "a", "2")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: old})
		require.GreaterOrEqual(t, resp.Header.Revision, now)
		require.Equal(t, old, resp.Kvs[0].ModRevision)
	})
	s.run("revision_negative_means_current", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key("a"), Revision: -7})
		require.Equal(t, []string{"1"}, values(resp.Kvs))
	})
	s.run("revision_count_at_each", func(t *testing.T, e *env) {
		var revs []int64
		for _, k := range []string{"a", "b", "c", "d"} {
			revs = append(revs, e.put(t, k, "v"))
		}
		for _, k := range []string{"b", "d"} {
			revs = append(revs, e.del(t, k))
		}
		for i, want := range []int64{1, 2, 3, 4, 3, 2} {
			resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Revision: revs[i], Limit: 1})
			require.Equal(t, want, resp.Count, "count at step %d", i)
			require.Equal(t, want > 1, resp.More)
		}
	})
	s.run("revision_one_is_empty", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Revision: 1})
		require.Empty(t, resp.Kvs)
		require.Zero(t, resp.Count)
	})
}

func rangeErrorCases(s *suite) {
	for _, c := range []struct {
		name string
		edit func(*pb.RangeRequest)
		want error
	}{
		{"empty_key", func(r *pb.RangeRequest) { r.Key = nil }, rpctypes.ErrGRPCEmptyKey},
		{"empty_key_with_end", func(r *pb.RangeRequest) { r.Key, r.RangeEnd = nil, []byte{0} }, rpctypes.ErrGRPCEmptyKey},
		{"future_revision", func(r *pb.RangeRequest) { r.Revision = math.MaxInt64 }, rpctypes.ErrGRPCFutureRev},
		{"future_revision_serializable", func(r *pb.RangeRequest) { r.Revision, r.Serializable = 1<<40, true }, rpctypes.ErrGRPCFutureRev},
		{"future_revision_count_only", func(r *pb.RangeRequest) { r.Revision, r.CountOnly = 1<<40, true }, rpctypes.ErrGRPCFutureRev},
		{"sort_order_unknown", func(r *pb.RangeRequest) { r.SortOrder = 3 }, rpctypes.ErrGRPCInvalidSortOption},
		{"sort_order_negative", func(r *pb.RangeRequest) { r.SortOrder = -1 }, rpctypes.ErrGRPCInvalidSortOption},
		{"sort_target_unknown", func(r *pb.RangeRequest) { r.SortTarget = 5 }, rpctypes.ErrGRPCInvalidSortOption},
		{"sort_target_negative", func(r *pb.RangeRequest) { r.SortTarget = -1 }, rpctypes.ErrGRPCInvalidSortOption},
	} {
		s.run("error_"+c.name, func(t *testing.T, e *env) {
			r := &pb.RangeRequest{Key: e.key("a")}
			c.edit(r)
			if r.SortOrder != 0 || r.SortTarget != 0 {
				needs(t, e, sortChecked)
			}
			_, err := e.kv.Range(e.ctx, r)
			requireStatus(t, c.want, err)
		})
	}
}
