package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// What is encoded as it is read is the same answer as the message that is made otherwise: of keys and values of many sizes, with
// all that a key can have.
func TestEncodedRangesAreTheSame(t *testing.T) {
	h := serve(t, nil)
	kv := pb.NewKVClient(h.conn)
	rng := rand.New(rand.NewPCG(1, 2))
	_, err := pb.NewLeaseClient(h.conn).LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: 1<<63 - 1, TTL: 100})
	require.NoError(t, err)
	for i := range 200 {
		put := &pb.PutRequest{Key: fmt.Appendf(nil, "k%d\x00\xff%s", rng.IntN(100), bytes.Repeat([]byte("x"), rng.IntN(300)))}
		if rng.IntN(5) > 0 {
			put.Value = bytes.Repeat([]byte("v"), 1<<rng.IntN(19)+rng.IntN(3)-1)
		}
		if i%7 == 0 {
			put.Lease = 1<<63 - 1
		}
		for range rng.IntN(3) {
			_, err := kv.Put(t.Context(), put)
			require.NoError(t, err)
		}
	}
	service := &kvService{Server: h.server}
	for _, r := range []*pb.RangeRequest{
		{},
		{Limit: 7},
		{Limit: -1},
		{Limit: 1_000_000},
		{Revision: 50},
		{Revision: 50, Limit: 20},
		{Key: []byte("none"), RangeEnd: []byte("nonf")},
		{Key: []byte("l"), RangeEnd: []byte("k")},
		{Serializable: true, SortOrder: pb.RangeRequest_ASCEND},
		{SortOrder: pb.RangeRequest_DESCEND},
		{KeysOnly: true},
		{CountOnly: true},
		{MinModRevision: 100},
	} {
		if r.Key == nil {
			r.Key, r.RangeEnd = []byte{0}, []byte{0}
		}
		want, err := service.Range(t.Context(), r)
		require.NoError(t, err)
		a, err := service.rangeEncoded(t.Context(), r)
		require.NoError(t, err)
		_, encoded := a.(*rangeAnswer)
		require.Equal(t, r.SortOrder != pb.RangeRequest_DESCEND && !r.KeysOnly && !r.CountOnly && r.MinModRevision == 0, encoded, "%v", r)
		raw := &emptypb.Empty{} // which keeps the answer's bytes
		require.NoError(t, h.conn.Invoke(t.Context(), pb.KV_Range_FullMethodName, r, raw))
		first, _, _ := protowire.ConsumeTag(raw.ProtoReflect().GetUnknown())
		if encoded && len(want.Kvs) > 0 {
			require.Equal(t, fieldKvs, first, "its header is the last: it was encoded as it was read")
		} else {
			require.Equal(t, fieldHeader, first)
		}
		require.Equal(t, proto.Size(want), len(raw.ProtoReflect().GetUnknown()))
		require.Equal(t, proto.Size(want), sizeOf(a))
		require.Equal(t, want.Count, describe(r, a).responses)
		require.Equal(t, proto.Size(want), describe(r, a).responseBytes)
		for _, options := range [][]grpc.CallOption{nil, {grpc.UseCompressor(gzip.Name)}} {
			got, err := kv.Range(t.Context(), r, options...)
			require.NoError(t, err)
			if !proto.Equal(want, got) { // what differs is long
				t.Fatalf("%s: %.2000s\nnot: %.2000s", prototext.Format(r), prototext.Format(got), prototext.Format(want))
			}
		}
	}
	_, err = kv.Range(t.Context(), &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: 1 << 40})
	require.ErrorContains(t, err, "required revision is a future revision")
}

// A key is encoded as its message is, whatever it holds.
func TestKeysAreEncodedAsMessages(t *testing.T) {
	for _, kv := range []*mvccpb.KeyValue{
		{},
		{Key: []byte("k")},
		{Value: []byte("v")},
		{Key: []byte("k"), CreateRevision: 1, ModRevision: 127, Version: 128, Value: []byte("v"), Lease: 1<<63 - 1},
		{CreateRevision: -1, ModRevision: -1 << 63, Version: 1<<63 - 1, Lease: -1},
		{Key: bytes.Repeat([]byte("k"), 127), Value: bytes.Repeat([]byte("v"), 128)},
		{Key: bytes.Repeat([]byte("k"), 1<<16), Value: bytes.Repeat([]byte("v"), 1<<20)},
	} {
		got := &pb.RangeResponse{}
		require.NoError(t, proto.Unmarshal(append(appendKey(nil, kv), kv.Value...), got), "%.100v", kv)
		require.True(t, proto.Equal(&pb.RangeResponse{Kvs: []*mvccpb.KeyValue{kv}}, got), "%.100v", kv)
	}
}
