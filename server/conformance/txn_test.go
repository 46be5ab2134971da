package conformance

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

func (e *env) txn(t *testing.T, r *pb.TxnRequest) *pb.TxnResponse {
	t.Helper()
	resp, err := e.kv.Txn(e.ctx, r)
	require.NoError(t, err)
	return resp
}

// missing compares true while the key is not there.
func missing(key []byte) *pb.Compare {
	return &pb.Compare{Key: key, Target: pb.Compare_VERSION, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Version{}}
}

// txnCases: branches, what operations of one txn see of each other, nesting,
// and errors that must leave nothing behind.
func txnCases(s *suite) {
	s.run("branch_success", func(t *testing.T, e *env) {
		resp := e.txn(t, &pb.TxnRequest{
			Compare: []*pb.Compare{missing(e.key("a"))},
			Success: ops(opPut(e.key("a"), "then")), Failure: ops(opPut(e.key("a"), "else")),
		})
		require.True(t, resp.Succeeded)
		require.Len(t, resp.Responses, 1)
		require.Equal(t, resp.Header.Revision, resp.Responses[0].GetResponsePut().Header.Revision)
		require.Equal(t, "then", string(e.get(t, "a").Value))
	})
	s.run("branch_failure", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.txn(t, &pb.TxnRequest{
			Compare: []*pb.Compare{missing(e.key("a"))},
			Success: ops(opPut(e.key("a"), "then")), Failure: ops(opPut(e.key("a"), "else"), opPut(e.key("b"), "else")),
		})
		require.False(t, resp.Succeeded)
		require.Len(t, resp.Responses, 2)
		require.Equal(t, "else", string(e.get(t, "a").Value))
	})
	s.run("empty", func(t *testing.T, e *env) {
		resp := e.txn(t, &pb.TxnRequest{})
		require.True(t, resp.Succeeded)
		require.Empty(t, resp.Responses)
		require.NotZero(t, resp.Header.Revision)
	})
	s.run("one_revision_for_all", func(t *testing.T, e *env) {
		resp := e.txn(t, &pb.TxnRequest{Success: ops(opPut(e.key("a"), "1"), opPut(e.key("b"), "1"), opPut(e.key("c"), "1"))})
		for _, name := range []string{"a", "b", "c"} {
			kv := e.get(t, name)
			require.Equal(t, resp.Header.Revision, kv.ModRevision)
			require.Equal(t, resp.Header.Revision, kv.CreateRevision)
		}
	})
	s.run("reads_see_earlier_writes", func(t *testing.T, e *env) {
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			wrapRange(&pb.RangeRequest{Key: e.key("a")}),
			opPut(e.key("a"), "1"),
			wrapRange(&pb.RangeRequest{Key: e.key("a")}),
		)})
		require.Empty(t, resp.Responses[0].GetResponseRange().Kvs)
		after := resp.Responses[2].GetResponseRange()
		require.Equal(t, []string{"1"}, values(after.Kvs))
		require.Equal(t, resp.Header.Revision, after.Kvs[0].ModRevision)
		require.Equal(t, resp.Header.Revision, after.Header.Revision)
		require.Equal(t, resp.Header.Revision-1, resp.Responses[0].GetResponseRange().Header.Revision)
	})
	s.run("delete_then_range", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		e.put(t, "b", "1")
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			wrapDelete(&pb.DeleteRangeRequest{Key: e.key("a"), PrevKv: true}),
			wrapRange(&pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}),
		)})
		require.Equal(t, []string{"a"}, e.names(resp.Responses[0].GetResponseDeleteRange().PrevKvs))
		require.Equal(t, []string{"b"}, e.names(resp.Responses[1].GetResponseRange().Kvs))
		require.EqualValues(t, 1, resp.Responses[1].GetResponseRange().Count)
	})
	s.run("delete_twice_counts_once", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			wrapDelete(&pb.DeleteRangeRequest{Key: e.key("a")}),
			wrapDelete(&pb.DeleteRangeRequest{Key: e.key(""), RangeEnd: e.end()}),
		)})
		require.EqualValues(t, 1, resp.Responses[0].GetResponseDeleteRange().Deleted)
		require.Zero(t, resp.Responses[1].GetResponseDeleteRange().Deleted)
	})
	s.run("options_of_the_parts", func(t *testing.T, e *env) {
		e.put(t, "a", "old")
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			wrapPut(&pb.PutRequest{Key: e.key("a"), IgnoreValue: true, PrevKv: true}),
			wrapRange(&pb.RangeRequest{Key: e.key("a"), KeysOnly: true}),
			wrapRange(&pb.RangeRequest{Key: e.key("a"), CountOnly: true}),
		)})
		require.Equal(t, "old", string(resp.Responses[0].GetResponsePut().PrevKv.Value))
		require.Empty(t, resp.Responses[1].GetResponseRange().Kvs[0].Value)
		require.EqualValues(t, 1, resp.Responses[2].GetResponseRange().Count)
		require.EqualValues(t, 2, e.get(t, "a").Version)
	})
	s.run("range_limit_sort_and_old_revision", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		old := e.put(t, "b", "2")
		e.put(t, "c", "3")
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			wrapRange(&pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Limit: 1, SortOrder: pb.RangeRequest_DESCEND, Revision: old}),
			opPut(e.key("d"), "4"),
		)})
		got := resp.Responses[0].GetResponseRange()
		require.Equal(t, []string{"b"}, e.names(got.Kvs))
		require.EqualValues(t, 2, got.Count)
		require.True(t, got.More)
	})
	s.run("read_only_keeps_the_revision", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.txn(t, &pb.TxnRequest{Success: ops(wrapRange(&pb.RangeRequest{Key: e.key("a"), Serializable: true}))})
		require.Equal(t, []string{"1"}, values(resp.Responses[0].GetResponseRange().Kvs))
	})
	s.run("delete_of_nothing_keeps_the_revision", func(t *testing.T, e *env) {
		put := e.put(t, "a", "1")
		e.txn(t, &pb.TxnRequest{Success: ops(wrapDelete(&pb.DeleteRangeRequest{Key: e.key("none")}))})
		require.Equal(t, put, e.get(t, "a").ModRevision)
	})
	s.run("put_with_lease", func(t *testing.T, e *env) {
		lease := e.grant(t, 1000)
		e.txn(t, &pb.TxnRequest{Success: ops(wrapPut(&pb.PutRequest{Key: e.key("a"), Lease: lease}))})
		require.Equal(t, lease, e.get(t, "a").Lease)
	})
	txnNestedCases(s)
	txnErrorCases(s)
}

func txnNestedCases(s *suite) {
	s.run("nested_compares_see_the_start", func(t *testing.T, e *env) {
		// All comparisons are decided before the first write.
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			opPut(e.key("a"), "outer"),
			wrapTxn(&pb.TxnRequest{
				Compare: []*pb.Compare{missing(e.key("a"))},
				Success: ops(opPut(e.key("b"), "was missing")), Failure: ops(opPut(e.key("b"), "was there")),
			}),
		)})
		inner := resp.Responses[1].GetResponseTxn()
		require.True(t, inner.Succeeded)
		require.Equal(t, "was missing", string(e.get(t, "b").Value))
	})
	s.run("nested_failure_branch", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		resp := e.txn(t, &pb.TxnRequest{Success: ops(wrapTxn(&pb.TxnRequest{
			Compare: []*pb.Compare{missing(e.key("a"))},
			Success: ops(opPut(e.key("b"), "then")), Failure: ops(opPut(e.key("b"), "else"), opPut(e.key("c"), "else")),
		}))})
		inner := resp.Responses[0].GetResponseTxn()
		require.False(t, inner.Succeeded)
		require.Len(t, inner.Responses, 2)
		require.Equal(t, "else", string(e.get(t, "b").Value))
	})
	s.run("nested_deep", func(t *testing.T, e *env) {
		r := &pb.TxnRequest{Success: ops(opPut(e.key("deep"), "found"))}
		for range 9 {
			r = &pb.TxnRequest{Compare: []*pb.Compare{missing(e.key("deep"))}, Success: ops(wrapTxn(r))}
		}
		resp := e.txn(t, r)
		for range 9 {
			require.True(t, resp.Succeeded)
			resp = resp.Responses[0].GetResponseTxn()
		}
		require.NotNil(t, resp.Responses[0].GetResponsePut())
		require.Equal(t, "found", string(e.get(t, "deep").Value))
	})
	s.run("nested_siblings", func(t *testing.T, e *env) {
		e.put(t, "there", "1")
		branch := func(key, name string) *pb.RequestOp {
			return wrapTxn(&pb.TxnRequest{
				Compare: []*pb.Compare{missing(e.key(key))},
				Success: ops(opPut(e.key(name+"-missing"), "1"), wrapTxn(&pb.TxnRequest{Success: ops(opPut(e.key(name+"-inner"), "1"))})),
				Failure: ops(opPut(e.key(name+"-there"), "1")),
			})
		}
		resp := e.txn(t, &pb.TxnRequest{Success: ops(branch("there", "x"), branch("not", "y"), branch("there", "z"))})
		got := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), KeysOnly: true})
		require.Equal(t, []string{"there", "x-there", "y-inner", "y-missing", "z-there"}, e.names(got.Kvs))
		for i, want := range []bool{false, true, false} {
			require.Equal(t, want, resp.Responses[i].GetResponseTxn().Succeeded)
		}
	})
	s.run("nested_shares_the_revision", func(t *testing.T, e *env) {
		resp := e.txn(t, &pb.TxnRequest{Success: ops(
			opPut(e.key("a"), "1"), wrapTxn(&pb.TxnRequest{Success: ops(opPut(e.key("b"), "1"))}),
		)})
		require.Equal(t, resp.Header.Revision, e.get(t, "a").ModRevision)
		require.Equal(t, resp.Header.Revision, e.get(t, "b").ModRevision)
	})
	s.run("nested_empty", func(t *testing.T, e *env) {
		resp := e.txn(t, &pb.TxnRequest{Success: ops(wrapTxn(&pb.TxnRequest{}))})
		require.True(t, resp.Responses[0].GetResponseTxn().Succeeded)
	})
}

// txnErrorCases: each starts with a put that would go through; the error of
// the second operation must take it back.
func txnErrorCases(s *suite) {
	for _, c := range []struct {
		name string
		op   func(e *env) *pb.RequestOp
		want error
	}{
		{"put_empty_key", func(e *env) *pb.RequestOp { return opPut(nil, "v") }, rpctypes.ErrGRPCEmptyKey},
		{"range_empty_key", func(e *env) *pb.RequestOp { return wrapRange(&pb.RangeRequest{}) }, rpctypes.ErrGRPCEmptyKey},
		{"delete_empty_key", func(e *env) *pb.RequestOp { return wrapDelete(&pb.DeleteRangeRequest{}) }, rpctypes.ErrGRPCEmptyKey},
		{"no_operation", func(e *env) *pb.RequestOp { return &pb.RequestOp{} }, rpctypes.ErrGRPCKeyNotFound},
		{"compare_empty_key", func(e *env) *pb.RequestOp {
			return wrapTxn(&pb.TxnRequest{Compare: []*pb.Compare{{}}})
		}, rpctypes.ErrGRPCEmptyKey},
		{"put_value_and_ignore_value", func(e *env) *pb.RequestOp {
			return wrapPut(&pb.PutRequest{Key: e.key("b"), Value: []byte("v"), IgnoreValue: true})
		}, rpctypes.ErrGRPCValueProvided},
		{"put_lease_and_ignore_lease", func(e *env) *pb.RequestOp {
			return wrapPut(&pb.PutRequest{Key: e.key("b"), Lease: 1, IgnoreLease: true})
		}, rpctypes.ErrGRPCLeaseProvided},
		{"put_ignore_value_of_nothing", func(e *env) *pb.RequestOp {
			return wrapPut(&pb.PutRequest{Key: e.key("b"), IgnoreValue: true})
		}, rpctypes.ErrGRPCKeyNotFound},
		{"put_ignore_value_of_earlier_put", func(e *env) *pb.RequestOp {
			// Operations are checked before any is done.
			return wrapTxn(&pb.TxnRequest{Success: ops(
				opPut(e.key("c"), "v"), wrapTxn(&pb.TxnRequest{Success: ops(wrapPut(&pb.PutRequest{Key: e.key("d"), IgnoreValue: true}))}),
			)})
		}, rpctypes.ErrGRPCKeyNotFound},
		{"put_unknown_lease", func(e *env) *pb.RequestOp {
			return wrapPut(&pb.PutRequest{Key: e.key("b"), Lease: 987654321})
		}, rpctypes.ErrGRPCLeaseNotFound},
		{"range_future_revision", func(e *env) *pb.RequestOp {
			return wrapRange(&pb.RangeRequest{Key: e.key("b"), Revision: 1 << 40})
		}, rpctypes.ErrGRPCFutureRev},
		{"range_sort_order_unknown", func(e *env) *pb.RequestOp {
			return wrapRange(&pb.RangeRequest{Key: e.key("b"), SortOrder: 9})
		}, rpctypes.ErrGRPCInvalidSortOption},
		{"nested_put_empty_key", func(e *env) *pb.RequestOp {
			return wrapTxn(&pb.TxnRequest{Failure: ops(opPut(nil, "v"))})
		}, rpctypes.ErrGRPCEmptyKey},
		{"nested_put_unknown_lease", func(e *env) *pb.RequestOp {
			return wrapTxn(&pb.TxnRequest{Success: ops(wrapPut(&pb.PutRequest{Key: e.key("b"), Lease: 987654321}))})
		}, rpctypes.ErrGRPCLeaseNotFound},
	} {
		s.run("error_"+c.name, func(t *testing.T, e *env) {
			if errors.Is(c.want, rpctypes.ErrGRPCInvalidSortOption) {
				needs(t, e, sortChecked)
			}
			_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(opPut(e.key("a"), "1"), c.op(e))})
			requireStatus(t, c.want, err)
			got := e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()})
			require.Empty(t, got.Kvs)
		})
	}
	s.run("error_only_of_the_branch_taken", func(t *testing.T, e *env) {
		// What is wrong with the state matters only on the path that runs.
		resp := e.txn(t, &pb.TxnRequest{
			Success: ops(opPut(e.key("a"), "1")),
			Failure: ops(wrapPut(&pb.PutRequest{Key: e.key("b"), Lease: 987654321})),
		})
		require.True(t, resp.Succeeded)
	})
	s.run("error_in_read_only", func(t *testing.T, e *env) {
		_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(wrapRange(&pb.RangeRequest{Key: e.key("a"), Revision: 1 << 40}))})
		requireStatus(t, rpctypes.ErrGRPCFutureRev, err)
	})
	s.run("error_compare_empty_key", func(t *testing.T, e *env) {
		_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Compare: []*pb.Compare{{}}})
		requireStatus(t, rpctypes.ErrGRPCEmptyKey, err)
	})
}
