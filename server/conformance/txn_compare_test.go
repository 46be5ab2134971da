package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// operand sets a compare's operand to what the key has, plus delta. For a
// value, delta picks a byte string just below or above.
func operand(c *pb.Compare, kv *mvccpb.KeyValue, delta int64) {
	switch c.Target {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: kv.Version + delta}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: kv.CreateRevision + delta}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: kv.ModRevision + delta}
	case pb.Compare_LEASE:
		c.TargetUnion = &pb.Compare_Lease{Lease: kv.Lease + delta}
	case pb.Compare_VALUE:
		v := kv.Value
		switch {
		case delta > 0:
			v = append(v[:len(v):len(v)], 0)
		case delta < 0:
			v = v[:len(v)-1]
		}
		c.TargetUnion = &pb.Compare_Value{Value: v}
	}
}

// holds says what the comparison of actual with actual+delta must give.
func holds(result pb.Compare_CompareResult, delta int64) bool {
	switch result {
	case pb.Compare_EQUAL:
		return delta == 0
	case pb.Compare_NOT_EQUAL:
		return delta != 0
	case pb.Compare_GREATER:
		return delta < 0
	default:
		return delta > 0
	}
}

func (e *env) succeeded(t *testing.T, compares ...*pb.Compare) bool {
	t.Helper()
	resp, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Compare: compares})
	require.NoError(t, err)
	return resp.Succeeded
}

// txnCompareCases: every target with every result, on a key there is and on
// one there is not, and over ranges.
func txnCompareCases(s *suite) {
	for target := range int32(len(pb.Compare_CompareTarget_name)) {
		for result := range int32(len(pb.Compare_CompareResult_name)) {
			target, result := pb.Compare_CompareTarget(target), pb.Compare_CompareResult(result)
			s.run(fmt.Sprintf("%v_%v", target, result), func(t *testing.T, e *env) {
				lease := e.grant(t, 1000)
				e.put(t, "a", "first")
				_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("second"), Lease: lease})
				require.NoError(t, err)
				kv := e.get(t, "a")
				for delta := int64(-1); delta <= 1; delta++ {
					c := &pb.Compare{Key: e.key("a"), Target: target, Result: result}
					operand(c, kv, delta)
					require.Equal(t, holds(result, delta), e.succeeded(t, c), "%v", c)
				}
			})
			s.run(fmt.Sprintf("%v_%v_missing_key", target, result), func(t *testing.T, e *env) {
				for delta := int64(-1); delta <= 1; delta++ {
					c := &pb.Compare{Key: e.key("none"), Target: target, Result: result}
					want := holds(result, delta)
					if target == pb.Compare_VALUE {
						// A missing key has no value, which no comparison holds for.
						c.TargetUnion, want = &pb.Compare_Value{}, false
					} else {
						operand(c, &mvccpb.KeyValue{}, delta)
					}
					require.Equal(t, want, e.succeeded(t, c), "%v", c)
				}
			})
		}
	}

	version := func(e *env, key string, v int64) *pb.Compare {
		return &pb.Compare{Key: e.key(key), Target: pb.Compare_VERSION, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Version{Version: v}}
	}
	s.run("none_succeeds", func(t *testing.T, e *env) {
		require.True(t, e.succeeded(t))
	})
	s.run("all_must_hold", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		e.put(t, "b", "1")
		require.True(t, e.succeeded(t, version(e, "a", 1), version(e, "b", 1)))
		require.False(t, e.succeeded(t, version(e, "a", 1), version(e, "b", 2)))
		require.False(t, e.succeeded(t, version(e, "a", 2), version(e, "b", 1)))
	})
	s.run("operand_left_out_is_zero", func(t *testing.T, e *env) {
		c := &pb.Compare{Key: e.key("a"), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL}
		require.True(t, e.succeeded(t, c))
		e.put(t, "a", "1")
		require.False(t, e.succeeded(t, c))
	})
	s.run("operand_of_other_target_is_zero", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		c := &pb.Compare{Key: e.key("a"), Target: pb.Compare_VERSION, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: 1}}
		require.False(t, e.succeeded(t, c))
	})
	s.run("unknown_result_holds", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		c := &pb.Compare{Key: e.key("a"), Target: pb.Compare_VERSION, Result: 77, TargetUnion: &pb.Compare_Version{Version: 5}}
		require.True(t, e.succeeded(t, c))
	})
	s.run("unknown_target_compares_equal", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		c := &pb.Compare{Key: e.key("a"), Target: 77, Result: pb.Compare_EQUAL}
		require.True(t, e.succeeded(t, c))
		c.Result = pb.Compare_GREATER
		require.False(t, e.succeeded(t, c))
	})

	for _, c := range []struct {
		name     string
		from, to string
		result   pb.Compare_CompareResult
		version  int64
		want     bool
	}{
		{"range_all_equal", "a", "c", pb.Compare_EQUAL, 1, true},
		{"range_one_differs", "a", "d", pb.Compare_EQUAL, 1, false},
		{"range_all_below", "a", "d", pb.Compare_LESS, 3, true},
		{"range_not_all_below", "a", "d", pb.Compare_LESS, 2, false},
		{"range_empty_compares_as_zero", "x", "y", pb.Compare_EQUAL, 0, true},
		{"range_empty_is_not_one", "x", "y", pb.Compare_EQUAL, 1, false},
		{"range_inverted_compares_as_zero", "c", "a", pb.Compare_EQUAL, 0, true},
	} {
		s.run(c.name, func(t *testing.T, e *env) {
			for _, k := range []string{"a", "b", "c", "c"} {
				e.put(t, k, "v")
			}
			require.Equal(t, c.want, e.succeeded(t, &pb.Compare{
				Key: e.key(c.from), RangeEnd: e.key(c.to), Target: pb.Compare_VERSION, Result: c.result,
				TargetUnion: &pb.Compare_Version{Version: c.version},
			}))
		})
	}
	s.run("range_value_of_nothing_fails", func(t *testing.T, e *env) {
		require.False(t, e.succeeded(t, &pb.Compare{
			Key: e.key(""), RangeEnd: e.end(), Target: pb.Compare_VALUE, Result: pb.Compare_NOT_EQUAL,
			TargetUnion: &pb.Compare_Value{Value: []byte("v")},
		}))
	})
	s.run("range_from_key", func(t *testing.T, e *env) {
		require.True(t, e.succeeded(t, &pb.Compare{
			Key: []byte("\xff\xff\xff\xff"), RangeEnd: []byte{0}, Target: pb.Compare_CREATE, Result: pb.Compare_EQUAL,
			TargetUnion: &pb.Compare_CreateRevision{},
		}))
	})
}
