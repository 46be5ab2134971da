package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// requireStatus compares code and text of an error on the wire, which clients
// match on.
func requireStatus(t *testing.T, want, got error) {
	t.Helper()
	require.Error(t, got)
	w, g := status.Convert(want), status.Convert(got)
	require.Equal(t, w.Code().String()+" "+w.Message(), g.Code().String()+" "+g.Message())
}

func requireCode(t *testing.T, want codes.Code, got error) {
	t.Helper()
	require.Equal(t, want.String(), status.Code(got).String(), "%v", got)
}

// put writes one key and returns the revision it got.
func (e *env) put(t *testing.T, name, value string) int64 {
	t.Helper()
	resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(name), Value: []byte(value)})
	require.NoError(t, err)
	require.NotNil(t, resp.Header)
	return resp.Header.Revision
}

// del removes one key and returns the revision it got.
func (e *env) del(t *testing.T, name string) int64 {
	t.Helper()
	resp, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: e.key(name)})
	require.NoError(t, err)
	require.EqualValues(t, 1, resp.Deleted)
	return resp.Header.Revision
}

// rangeOf sends a range request that must succeed.
func (e *env) rangeOf(t *testing.T, r *pb.RangeRequest) *pb.RangeResponse {
	t.Helper()
	resp, err := e.kv.Range(e.ctx, r)
	require.NoError(t, err)
	return resp
}

// get reads one key; nil when it is not there.
func (e *env) get(t *testing.T, name string) *mvccpb.KeyValue {
	t.Helper()
	resp := e.rangeOf(t, &pb.RangeRequest{Key: e.key(name)})
	if len(resp.Kvs) == 0 {
		return nil
	}
	return resp.Kvs[0]
}

// names strips the case's prefix off the keys.
func (e *env) names(kvs []*mvccpb.KeyValue) []string {
	out := []string{}
	for _, kv := range kvs {
		out = append(out, string(kv.Key[len(e.prefix):]))
	}
	return out
}

func values(kvs []*mvccpb.KeyValue) []string {
	out := []string{}
	for _, kv := range kvs {
		out = append(out, string(kv.Value))
	}
	return out
}

// grant makes a lease that the server names.
func (e *env) grant(t *testing.T, ttl int64) int64 {
	t.Helper()
	resp, err := e.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: ttl})
	require.NoError(t, err)
	require.Empty(t, resp.Error)
	return resp.ID
}

// Builders of txn parts; the wire's own types nest three deep.

func opPut(key []byte, value string) *pb.RequestOp {
	return wrapPut(&pb.PutRequest{Key: key, Value: []byte(value)})
}

func wrapPut(r *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: r}}
}

func wrapRange(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func wrapDelete(r *pb.DeleteRangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: r}}
}

func wrapTxn(r *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: r}}
}

func ops(list ...*pb.RequestOp) []*pb.RequestOp { return list }
