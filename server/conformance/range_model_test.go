package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// history is a naive model of five keys: the state after each of some writes.
// The orders of key, version, create revision, mod revision and value all
// differ, so that each sort shows.
type history struct {
	revisions []int64
	states    [][]*mvccpb.KeyValue // sorted by key
	overtaken bool                 // the last state is of the past too
}

func writeHistory(t *testing.T, e *env) *history {
	t.Helper()
	h := &history{}
	live := map[string]*mvccpb.KeyValue{}
	for i, name := range []string{"d", "b", "e", "a", "c", "c", "a", "e", "d", "e", "c", "a", "e", "c", "c"} {
		value := fmt.Sprintf("%c%d", "mzkaq"[name[0]-'a'], i)
		rev := e.put(t, name, value)
		kv := &mvccpb.KeyValue{Key: e.key(name), Value: []byte(value), CreateRevision: rev, ModRevision: rev, Version: 1}
		if old := live[name]; old != nil {
			kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
		}
		live[name] = kv
		var state []*mvccpb.KeyValue
		for _, kv := range live {
			state = append(state, kv)
		}
		slices.SortFunc(state, func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
		h.revisions = append(h.revisions, rev)
		h.states = append(h.states, state)
	}
	return h
}

// answer computes what r must return over the state after the i-th write.
func (h *history) answer(i int, r *pb.RangeRequest) (kvs []*mvccpb.KeyValue, count int64, more bool) {
	for _, kv := range h.states[i] {
		count++
		if r.MaxModRevision != 0 && kv.ModRevision > r.MaxModRevision ||
			kv.ModRevision < r.MinModRevision ||
			r.MaxCreateRevision != 0 && kv.CreateRevision > r.MaxCreateRevision ||
			kv.CreateRevision < r.MinCreateRevision {
			continue
		}
		kvs = append(kvs, proto.Clone(kv).(*mvccpb.KeyValue))
	}
	if r.CountOnly {
		return nil, count, false
	}
	if r.SortOrder == pb.RangeRequest_NONE && !filtered(r) && r.Limit > 0 && int64(len(kvs)) > r.Limit {
		// Without an order named, the limit bounds what is read, by key, and
		// one more to know of more; a target still sorts what was read.
		kvs = kvs[:r.Limit+1]
	}
	slices.SortFunc(kvs, func(a, b *mvccpb.KeyValue) int {
		c := compareBy(r.SortTarget, a, b)
		if r.SortOrder == pb.RangeRequest_DESCEND {
			return -c
		}
		return c // NONE sorts upwards too, by whatever target is named
	})
	if r.Limit > 0 && int64(len(kvs)) > r.Limit {
		kvs, more = kvs[:r.Limit], true
	}
	if r.KeysOnly {
		for _, kv := range kvs {
			kv.Value = nil
		}
	}
	return kvs, count, more
}

func filtered(r *pb.RangeRequest) bool {
	return r.MinModRevision != 0 || r.MaxModRevision != 0 || r.MinCreateRevision != 0 || r.MaxCreateRevision != 0
}

func compareBy(target pb.RangeRequest_SortTarget, a, b *mvccpb.KeyValue) int {
	switch target {
	case pb.RangeRequest_VERSION:
		return int(a.Version - b.Version)
	case pb.RangeRequest_CREATE:
		return int(a.CreateRevision - b.CreateRevision)
	case pb.RangeRequest_MOD:
		return int(a.ModRevision - b.ModRevision)
	case pb.RangeRequest_VALUE:
		return bytes.Compare(a.Value, b.Value)
	default:
		return bytes.Compare(a.Key, b.Key)
	}
}

// check sends r for the state after the i-th write and compares with answer.
func (h *history) check(t *testing.T, e *env, i int, r *pb.RangeRequest) {
	t.Helper()
	r.Key, r.RangeEnd = e.key(""), e.end()
	if h.overtaken || i < len(h.revisions)-1 {
		r.Revision = h.revisions[i]
	}
	kvs, count, more := h.answer(i, r)
	resp := e.rangeOf(t, r)
	require.Equal(t, e.names(kvs), e.names(resp.Kvs), "%v", r)
	for j := range kvs {
		require.True(t, proto.Equal(kvs[j], resp.Kvs[j]), "want %v, got %v, for %v", kvs[j], resp.Kvs[j], r)
	}
	require.Equal(t, count, resp.Count, "%v", r)
	require.Equal(t, more, resp.More, "%v", r)
}

// rangeSortCases: every target in every order, with limits, at the present and
// at a past revision.
func rangeSortCases(s *suite) {
	for target := range int32(len(pb.RangeRequest_SortTarget_name)) {
		for order := range int32(len(pb.RangeRequest_SortOrder_name)) {
			target, order := pb.RangeRequest_SortTarget(target), pb.RangeRequest_SortOrder(order)
			s.run(fmt.Sprintf("%v_%v", target, order), func(t *testing.T, e *env) {
				h := writeHistory(t, e)
				// Only the last state has no two keys of one version, that is no ties.
				last := len(h.revisions) - 1
				for range 2 {
					for limit := range int64(7) {
						h.check(t, e, last, &pb.RangeRequest{SortTarget: target, SortOrder: order, Limit: limit})
						h.check(t, e, last, &pb.RangeRequest{SortTarget: target, SortOrder: order, Limit: limit, KeysOnly: true})
						h.check(t, e, last, &pb.RangeRequest{SortTarget: target, SortOrder: order, Limit: limit, CountOnly: true})
					}
					e.put(t, "f", "later")
					e.put(t, "a", "later")
					h.overtaken = true
				}
			})
		}
	}
}

// rangeFilterCases: bounds on create and mod revisions, which limit and sort
// come after, and which the count ignores.
func rangeFilterCases(s *suite) {
	edits := map[string]func(r *pb.RangeRequest, rev int64){
		"min_mod":    func(r *pb.RangeRequest, rev int64) { r.MinModRevision = rev },
		"max_mod":    func(r *pb.RangeRequest, rev int64) { r.MaxModRevision = rev },
		"min_create": func(r *pb.RangeRequest, rev int64) { r.MinCreateRevision = rev },
		"max_create": func(r *pb.RangeRequest, rev int64) { r.MaxCreateRevision = rev },
		"mod_exactly": func(r *pb.RangeRequest, rev int64) {
			r.MinModRevision, r.MaxModRevision = rev, rev
		},
		"created_exactly": func(r *pb.RangeRequest, rev int64) {
			r.MinCreateRevision, r.MaxCreateRevision = rev, rev
		},
		"created_by_and_changed_since": func(r *pb.RangeRequest, rev int64) {
			r.MaxCreateRevision, r.MinModRevision = rev, rev+1
		},
		"contradiction": func(r *pb.RangeRequest, rev int64) {
			r.MinModRevision, r.MaxModRevision = rev+1, rev
		},
	}
	for name, edit := range edits {
		for _, order := range []pb.RangeRequest_SortOrder{pb.RangeRequest_NONE, pb.RangeRequest_DESCEND} {
			s.run(fmt.Sprintf("%s_%v", name, order), func(t *testing.T, e *env) {
				h := writeHistory(t, e)
				for i := 4; i < len(h.revisions); i += 5 {
					for _, bound := range h.revisions {
						for _, limit := range []int64{0, 1, 2} {
							r := &pb.RangeRequest{Limit: limit, SortOrder: order}
							edit(r, bound)
							h.check(t, e, i, r)
							r = &pb.RangeRequest{Limit: limit, SortOrder: order, CountOnly: true}
							edit(r, bound)
							h.check(t, e, i, r)
						}
					}
				}
			})
		}
	}
}
