package conformance

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
)

const (
	requestBytesMax = 3 * 512 * 1024 // the default of --max-request-bytes
	txnOpsMax       = 128            // the default of --max-txn-ops
)

// limitCases: sizes up to the limits are served, beyond them refused.
func limitCases(s *suite) {
	s.run("value_just_below", func(t *testing.T, e *env) {
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: make([]byte, requestBytesMax-1024)})
		require.NoError(t, err)
		require.Len(t, e.get(t, "a").Value, requestBytesMax-1024)
	})
	s.run("value_too_large", func(t *testing.T, e *env) {
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: make([]byte, requestBytesMax)})
		requireStatus(t, rpctypes.ErrGRPCRequestTooLarge, err)
		require.Nil(t, e.get(t, "a"))
	})
	s.run("message_too_large", func(t *testing.T, e *env) {
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: make([]byte, 4<<20)})
		requireCode(t, codes.ResourceExhausted, err)
	})
	s.run("key_just_below", func(t *testing.T, e *env) {
		key := append(e.key("k"), bytes.Repeat([]byte("k"), requestBytesMax-1024)...)
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: key, Value: []byte("v")})
		require.NoError(t, err)
		require.Equal(t, []string{"v"}, values(e.rangeOf(t, &pb.RangeRequest{Key: key}).Kvs))
		_, err = e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: key})
		require.NoError(t, err)
	})
	s.run("key_too_large", func(t *testing.T, e *env) {
		_, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: bytes.Repeat([]byte("k"), requestBytesMax)})
		requireStatus(t, rpctypes.ErrGRPCRequestTooLarge, err)
	})
	s.run("range_with_a_huge_key_finds_nothing", func(t *testing.T, e *env) {
		// A read makes no log entry, so only the message's own limit holds.
		resp := e.rangeOf(t, &pb.RangeRequest{Key: bytes.Repeat([]byte("k"), requestBytesMax)})
		require.Zero(t, resp.Count)
	})
	s.run("txn_too_large", func(t *testing.T, e *env) {
		half := make([]byte, requestBytesMax/2)
		_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{Success: ops(
			opPut(e.key("a"), string(half)), opPut(e.key("b"), string(half)),
		)})
		requireStatus(t, rpctypes.ErrGRPCRequestTooLarge, err)
		require.Nil(t, e.get(t, "a"))
	})
	s.run("txn_branch_not_taken_counts_too", func(t *testing.T, e *env) {
		_, err := e.kv.Txn(e.ctx, &pb.TxnRequest{
			Success: ops(opPut(e.key("a"), "1")),
			Failure: ops(opPut(e.key("a"), string(make([]byte, requestBytesMax)))),
		})
		requireStatus(t, rpctypes.ErrGRPCRequestTooLarge, err)
	})

	puts := func(e *env, n int) []*pb.RequestOp {
		var list []*pb.RequestOp
		for i := range n {
			list = append(list, opPut(e.key(fmt.Sprint(i)), "v"))
		}
		return list
	}
	compares := func(e *env, n int) []*pb.Compare {
		var list []*pb.Compare
		for range n {
			list = append(list, missing(e.key("none")))
		}
		return list
	}
	for _, c := range []struct {
		name string
		req  func(e *env) *pb.TxnRequest
		ok   bool
	}{
		{"ops_at_limit", func(e *env) *pb.TxnRequest { return &pb.TxnRequest{Success: puts(e, txnOpsMax)} }, true},
		{"ops_over_limit", func(e *env) *pb.TxnRequest { return &pb.TxnRequest{Success: puts(e, txnOpsMax+1)} }, false},
		{"else_ops_at_limit", func(e *env) *pb.TxnRequest { return &pb.TxnRequest{Failure: puts(e, txnOpsMax)} }, true},
		{"else_ops_over_limit", func(e *env) *pb.TxnRequest { return &pb.TxnRequest{Failure: puts(e, txnOpsMax+1)} }, false},
		{"each_list_at_limit", func(e *env) *pb.TxnRequest {
			return &pb.TxnRequest{Compare: compares(e, txnOpsMax), Success: puts(e, txnOpsMax), Failure: puts(e, txnOpsMax)}
		}, true},
		{"compares_over_limit", func(e *env) *pb.TxnRequest { return &pb.TxnRequest{Compare: compares(e, txnOpsMax+1)} }, false},
		{"nested_shares_the_limit", func(e *env) *pb.TxnRequest {
			return &pb.TxnRequest{Success: ops(wrapTxn(&pb.TxnRequest{Success: puts(e, txnOpsMax-1)}))}
		}, true},
		{"nested_over_limit", func(e *env) *pb.TxnRequest {
			return &pb.TxnRequest{Success: ops(wrapTxn(&pb.TxnRequest{Success: puts(e, txnOpsMax)}))}
		}, false},
		{"nested_after_full_list", func(e *env) *pb.TxnRequest {
			return &pb.TxnRequest{Success: append(puts(e, txnOpsMax-1), wrapTxn(&pb.TxnRequest{Success: puts(e, 1)}))}
		}, false},
	} {
		s.run("txn_"+c.name, func(t *testing.T, e *env) {
			_, err := e.kv.Txn(e.ctx, c.req(e))
			if c.ok {
				require.NoError(t, err)
				return
			}
			requireStatus(t, rpctypes.ErrGRPCTooManyOps, err)
			require.Empty(t, e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}).Kvs)
		})
	}
}
