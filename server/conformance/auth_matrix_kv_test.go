package conformance

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// attempt is one row of the matrix: the messages that a caller sends to a
// method. Requests get the world, because they name its leases and members.
type attempt struct {
	method, variant string
	requests        func(w *world) []proto.Message
	// prepare makes the attempt possible again before each caller's turn, as
	// root; may be nil.
	prepare func(t *testing.T, w *world)
	reach   reach
}

// reach says where an attempt is made: how somebody proved who it is matters
// little to most variants of a request.
type reach int

const (
	everywhere reach = iota
	withTokens       // in the world of simple tokens
	onDemand         // nowhere unless PETCD_MATRIX=all
)

// reaching sets the reach of attempts.
func reaching(r reach, list ...attempt) []attempt {
	for i := range list {
		list[i].reach = max(list[i].reach, r)
	}
	return list
}

func (a attempt) String() string { return a.method + " " + a.variant }

// just is an attempt of one message that is the same in every world.
func just(method, variant string, m proto.Message) attempt {
	return attempt{method: method, variant: variant, requests: func(*world) []proto.Message { return []proto.Message{m} }}
}

// varied is just, and the variants that the descriptor gives.
func varied(method, variant string, m proto.Message) []attempt {
	out := []attempt{just(method, variant, m)}
	more := options(m)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		out = append(out, just(method, variant+" "+name, more[name]))
	}
	return out
}

// matrixSpans are the ranges that every request with a range is tried with; the
// first mainSpans of them in every combination.
var matrixSpans = []span{
	{"in/a", ""}, {"out/a", ""}, {"in/a", "out0"}, {"out/a", "\x00"},
	{"in/", "in0"}, {"in/a", "\x00"}, {"\x00", "\x00"}, {"", "in0"}, {"", ""}, {"in/b", "in/a"}, {"out/b", "in/a"}, {"in/a", "in/a"},
	{"in0", ""}, {"in", "in0"}, {"in/\xff", "in0"},
}

const mainSpans = 4

func (s span) String() string { return fmt.Sprintf("[%q, %q)", s.key, s.end) }

// kvAttempts are the rows of KV. Operations that stand alone come again inside
// txns of three depths.
func kvAttempts() []attempt {
	single := slices.Concat(rangeAttempts(), deleteAttempts(), putAttempts())
	out := slices.Concat(single, streamAttempts(), compareAttempts())
	for _, a := range single {
		m := a.requests(nil)[0]
		op := func() *pb.RequestOp {
			switch m := proto.Clone(m).(type) {
			case *pb.RangeRequest:
				return wrapRange(m)
			case *pb.DeleteRangeRequest:
				return wrapDelete(m)
			default:
				return wrapPut(m.(*pb.PutRequest))
			}
		}
		for name, txn := range nestings(op) {
			r := withTokens
			if a.reach != everywhere || name == "depth 3" || name == "failure" {
				r = onDemand
			}
			out = append(out, reaching(r, just("KV/Txn", name+" "+a.String(), txn))...)
		}
	}
	for i := range out {
		out[i].prepare = restoreKeys
	}
	return append(out, compactAttempts()...)
}

// restoreKeys puts back what was deleted.
func restoreKeys(t *testing.T, w *world) {
	t.Helper()
	if w.storeRevision(t) == w.restored {
		return
	}
	for k, lease := range map[string]int64{"in/a": 0, "out/a": 0, "in/leased": w.in, "in/leased2": w.out, "out/leased": w.out} {
		got, err := w.kv.Range(w.root, &pb.RangeRequest{Key: []byte(k), Serializable: true})
		require.NoError(t, err)
		if len(got.Kvs) == 0 {
			_, err = w.kv.Put(w.root, &pb.PutRequest{Key: []byte(k), Value: []byte("1"), Lease: lease})
			require.NoError(t, err)
		}
	}
	w.restored = w.storeRevision(t)
}

func rangeAttempts() []attempt {
	var out []attempt
	for i, s := range matrixSpans {
		list := rangeVariants("KV/Range", i, s)
		if i < mainSpans {
			list = append(list, just("KV/Range", s.String()+" serializable keys_only",
				&pb.RangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end), Serializable: true, KeysOnly: true}))
		}
		out = append(out, reaching(withTokens, list[1:]...)...)
		out = append(out, list[0])
	}
	return out
}

func streamAttempts() []attempt {
	var out []attempt
	for i, s := range matrixSpans {
		list := rangeVariants("KV/RangeStream", i, s)
		out = append(out, reaching(withTokens, list[1:]...)...)
		out = append(out, list[0])
	}
	return out
}

// rangeVariants are the rows of one range, the plain one first.
func rangeVariants(method string, place int, s span) []attempt {
	r := &pb.RangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end)}
	if place >= mainSpans {
		return reaching(withTokens, just(method, s.String(), r))
	}
	late := proto.Clone(r).(*pb.RangeRequest)
	late.Revision = 1 << 40
	return append(varied(method, s.String(), r), just(method, s.String()+" future", late))
}

func deleteAttempts() []attempt {
	var out []attempt
	for i, s := range matrixSpans {
		list := varied("KV/DeleteRange", s.String(), &pb.DeleteRangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end)})
		if i >= mainSpans/2 {
			list = reaching(withTokens, list...)
		}
		out = append(out, list...)
	}
	return out
}

func putAttempts() []attempt {
	var out []attempt
	for i, key := range []string{"in/a", "out/a", "", "in0"} {
		list := varied("KV/Put", key, &pb.PutRequest{Key: []byte(key), Value: []byte("1")})
		list = append(list,
			just("KV/Put", key+" without value ignore_value", &pb.PutRequest{Key: []byte(key), IgnoreValue: true}),
			just("KV/Put", key+" prev_kv ignore_lease", &pb.PutRequest{Key: []byte(key), PrevKv: true, IgnoreLease: true}),
			just("KV/Put", key+" lease unknown", &pb.PutRequest{Key: []byte(key), Lease: 77}),
			just("KV/Put", key+" lease in", &pb.PutRequest{Key: []byte(key), Lease: 1001}),
			just("KV/Put", key+" lease out", &pb.PutRequest{Key: []byte(key), Lease: 1002}),
			just("KV/Put", key+" lease free", &pb.PutRequest{Key: []byte(key), Lease: 1003}))
		if i >= 2 {
			list = reaching(withTokens, list...)
		}
		out = append(out, list...)
	}
	return out
}

// compareAttempts are txns that give something away by what they compare.
func compareAttempts() []attempt {
	var out []attempt
	for i, s := range matrixSpans {
		r := withTokens
		if i >= mainSpans {
			r = onDemand
		}
		for name, c := range map[string]*pb.Compare{
			"value":   {Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("1")}, Result: pb.Compare_EQUAL},
			"version": {Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: 1}, Result: pb.Compare_GREATER},
			"create":  {Target: pb.Compare_CREATE, TargetUnion: &pb.Compare_CreateRevision{CreateRevision: 1}, Result: pb.Compare_LESS},
			"mod":     {Target: pb.Compare_MOD, TargetUnion: &pb.Compare_ModRevision{ModRevision: 1}, Result: pb.Compare_NOT_EQUAL},
			"lease":   {Target: pb.Compare_LEASE, TargetUnion: &pb.Compare_Lease{Lease: 1001}, Result: pb.Compare_EQUAL},
		} {
			c.Key, c.RangeEnd = []byte(s.key), []byte(s.end)
			txn := &pb.TxnRequest{Compare: []*pb.Compare{c}}
			list := []attempt{just("KV/Txn", "compare "+name+" "+s.String(), txn)}
			if name == "version" {
				for depth := 2; depth <= 3; depth++ {
					list = append(list, just("KV/Txn", fmt.Sprintf("compare %s at depth %d %s", name, depth, s), nested(wrapTxn(txn), depth-1, false)))
				}
				list = append(list, just("KV/Txn", "compare and put "+s.String(), &pb.TxnRequest{Compare: []*pb.Compare{c}, Success: ops(opPut([]byte("in/a"), "1"))}))
			}
			out = append(out, reaching(r, list...)...)
		}
	}
	return append(out, just("KV/Txn", "empty", &pb.TxnRequest{}),
		just("KV/Txn", "same key twice", &pb.TxnRequest{Success: ops(opPut([]byte("in/a"), "1"), opPut([]byte("in/a"), "1"))}))
}

// compactAttempts compact to revision 1, which is compacted from the first call
// on, and to one that never comes.
func compactAttempts() []attempt {
	out := varied("KV/Compact", "compacted", &pb.CompactionRequest{Revision: 1})
	out = append(out, varied("KV/Compact", "future", &pb.CompactionRequest{Revision: 1 << 40})...)
	for i := range out {
		out[i].prepare = func(t *testing.T, w *world) {
			_, _ = w.kv.Compact(w.root, &pb.CompactionRequest{Revision: 1}) // refused from the second time on
		}
	}
	return out
}

// watchAttempts are the rows of Watch.
func watchAttempts() []attempt {
	var out []attempt
	create := func(c *pb.WatchCreateRequest) *pb.WatchRequest {
		return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: c}}
	}
	for _, s := range matrixSpans {
		out = append(out, just("Watch/Watch", s.String(), create(&pb.WatchCreateRequest{Key: []byte(s.key), RangeEnd: []byte(s.end)})))
	}
	for _, s := range []span{{"in/a", ""}, {"out/a", ""}, {"out/a", "\x00"}} {
		base := &pb.WatchCreateRequest{Key: []byte(s.key), RangeEnd: []byte(s.end)}
		more := options(base)
		for _, name := range slices.Sorted(maps.Keys(more)) {
			out = append(out, reaching(withTokens, just("Watch/Watch", s.String()+" "+name, create(more[name].(*pb.WatchCreateRequest))))...)
		}
		for name, c := range map[string]*pb.WatchCreateRequest{
			"filters":     {Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT, pb.WatchCreateRequest_NODELETE}},
			"future":      {StartRevision: 1 << 40},
			"negative":    {StartRevision: -1},
			"watch_id":    {WatchId: 7},
			"all options": {PrevKv: true, Fragment: true, ProgressNotify: true, StartRevision: 1 << 40},
		} {
			c.Key, c.RangeEnd = base.Key, base.RangeEnd
			out = append(out, reaching(withTokens, just("Watch/Watch", s.String()+" "+name, create(c)))...)
		}
	}
	first := func() *pb.WatchRequest { return create(&pb.WatchCreateRequest{Key: []byte("in/a"), WatchId: 7}) }
	return append(out,
		attempt{method: "Watch/Watch", variant: "cancel", requests: func(*world) []proto.Message {
			return []proto.Message{first(), &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: 7}}}}
		}},
		attempt{method: "Watch/Watch", variant: "progress", requests: func(*world) []proto.Message {
			return []proto.Message{first(), &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}}
		}},
	)
}

// leaseAttempts are the rows of Lease.
func leaseAttempts() []attempt {
	var out []attempt
	regrant := func(t *testing.T, w *world) {
		for _, id := range []int64{w.in, w.out, w.free} {
			if _, err := w.lease.LeaseGrant(w.root, &pb.LeaseGrantRequest{ID: id, TTL: 9000}); err == nil {
				w.restored = 0 // its keys went with it
			}
		}
		_, _ = w.lease.LeaseRevoke(w.root, &pb.LeaseRevokeRequest{ID: 2000})
		restoreKeys(t, w)
	}
	add := func(a ...attempt) { out = append(out, a...) }
	add(just("Lease/LeaseGrant", "", &pb.LeaseGrantRequest{TTL: 9000}),
		just("Lease/LeaseGrant", "id", &pb.LeaseGrantRequest{TTL: 9000, ID: 2000}),
		just("Lease/LeaseGrant", "existing id", &pb.LeaseGrantRequest{TTL: 9000, ID: 1001}),
		just("Lease/LeaseGrant", "too long", &pb.LeaseGrantRequest{TTL: leaseTTLMax + 1}))
	for name, id := range map[string]int64{"in": 1001, "out": 1002, "free": 1003, "unknown": 77} {
		add(just("Lease/LeaseRevoke", name, &pb.LeaseRevokeRequest{ID: id}),
			just("Lease/LeaseKeepAlive", name, &pb.LeaseKeepAliveRequest{ID: id}))
		add(varied("Lease/LeaseTimeToLive", name, &pb.LeaseTimeToLiveRequest{ID: id})...)
	}
	add(just("Lease/LeaseLeases", "", &pb.LeaseLeasesRequest{}))
	for i := range out {
		out[i].prepare = regrant
	}
	none := just("Lease/LeaseLeases", "none out of reach", &pb.LeaseLeasesRequest{})
	none.prepare = func(t *testing.T, w *world) {
		_, _ = w.lease.LeaseRevoke(w.root, &pb.LeaseRevokeRequest{ID: w.out})
	}
	return append(out, none)
}
