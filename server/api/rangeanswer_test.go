package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
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
