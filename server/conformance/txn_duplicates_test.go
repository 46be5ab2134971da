package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// txnDuplicateCases: one txn may not put a key twice, nor put what it deletes,
// except on branches that exclude each other.
func txnDuplicateCases(s *suite) {
	del := func(e *env, from, to string) *pb.RequestOp {
		r := &pb.DeleteRangeRequest{Key: e.key(from)}
		if to != "" {
			r.RangeEnd = e.key(to)
		}
		return wrapDelete(r)
	}
	then := func(list ...*pb.RequestOp) *pb.RequestOp { return wrapTxn(&pb.TxnRequest{Success: list}) }
	otherwise := func(list ...*pb.RequestOp) *pb.RequestOp { return wrapTxn(&pb.TxnRequest{Failure: list}) }

	for _, c := range []struct {
		name      string
		ops       func(e *env) []*pb.RequestOp
		duplicate bool
	}{
		{"put_put", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("a"), "1"), opPut(e.key("a"), "2")) }, true},
		{"put_put_other", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("a"), "1"), opPut(e.key("b"), "2")) }, false},
		{"put_delete", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("a"), "1"), del(e, "a", "")) }, true},
		{"delete_put", func(e *env) []*pb.RequestOp { return ops(del(e, "a", ""), opPut(e.key("a"), "1")) }, true},
		{"put_delete_range_over", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("b"), "1"), del(e, "a", "c")) }, true},
		{"put_at_end_of_delete_range", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("c"), "1"), del(e, "a", "c")) }, false},
		{"put_below_delete_range", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("a"), "1"), del(e, "b", "c")) }, false},
		{"put_in_delete_from_key", func(e *env) []*pb.RequestOp {
			// The check takes the end "\x00" for a key, and so finds no overlap.
			// Keys above all others, as the shared server holds other cases' too.
			from := append([]byte("\xff\xff\xff"), e.prefix...)
			return ops(opPut(append(from, 'b'), "1"), wrapDelete(&pb.DeleteRangeRequest{Key: from, RangeEnd: []byte{0}}))
		}, false},
		{"delete_delete_same", func(e *env) []*pb.RequestOp { return ops(del(e, "a", ""), del(e, "a", "")) }, false},
		{"delete_ranges_overlap", func(e *env) []*pb.RequestOp { return ops(del(e, "a", "c"), del(e, "b", "d")) }, false},
		{"range_and_put", func(e *env) []*pb.RequestOp {
			return ops(wrapRange(&pb.RangeRequest{Key: e.key("a")}), opPut(e.key("a"), "1"), wrapRange(&pb.RangeRequest{Key: e.key("a")}))
		}, false},
		{"put_and_nested_put", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("a"), "1"), then(opPut(e.key("a"), "2"))) }, true},
		{"put_and_nested_put_not_taken", func(e *env) []*pb.RequestOp {
			return ops(opPut(e.key("a"), "1"), otherwise(opPut(e.key("a"), "2")))
		}, true},
		{"nested_siblings", func(e *env) []*pb.RequestOp { return ops(then(opPut(e.key("a"), "1")), then(opPut(e.key("a"), "2"))) }, true},
		{"nested_both_branches", func(e *env) []*pb.RequestOp {
			return ops(wrapTxn(&pb.TxnRequest{Success: ops(opPut(e.key("a"), "1")), Failure: ops(opPut(e.key("a"), "2"))}))
		}, false},
		{"delete_and_nested_put", func(e *env) []*pb.RequestOp { return ops(del(e, "a", "c"), then(opPut(e.key("b"), "1"))) }, true},
		{"put_and_nested_delete", func(e *env) []*pb.RequestOp { return ops(opPut(e.key("b"), "1"), then(del(e, "a", "c"))) }, true},
		{"nested_put_and_sibling_delete", func(e *env) []*pb.RequestOp {
			return ops(then(opPut(e.key("b"), "1")), then(opPut(e.key("c"), "1")), opPut(e.key("d"), "1"))
		}, false},
		{"three_deep", func(e *env) []*pb.RequestOp {
			return ops(opPut(e.key("a"), "1"), then(then(then(opPut(e.key("a"), "2")))))
		}, true},
	} {
		for _, branch := range []string{"success", "failure"} {
			s.run(c.name+"_in_"+branch, func(t *testing.T, e *env) {
				r := &pb.TxnRequest{Success: c.ops(e)}
				if branch == "failure" {
					// Not taken, and still checked.
					r = &pb.TxnRequest{Failure: c.ops(e)}
				}
				_, err := e.kv.Txn(e.ctx, r)
				if !c.duplicate {
					require.NoError(t, err)
					return
				}
				requireStatus(t, rpctypes.ErrGRPCDuplicateKey, err)
				require.Nil(t, e.get(t, "a"))
			})
		}
	}
	s.run("both_branches_may_put_one_key", func(t *testing.T, e *env) {
		e.txn(t, &pb.TxnRequest{Success: ops(opPut(e.key("a"), "then")), Failure: ops(opPut(e.key("a"), "else"))})
		require.Equal(t, "then", string(e.get(t, "a").Value))
	})
}
