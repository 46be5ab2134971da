package api

import (
	"context"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// FuzzKV calls the KV service with any bytes that decode as one of its requests, the way of a client's from the handler to the
// state and back. Every refusal has a code of etcd's.
func FuzzKV(f *testing.F) {
	for kind, r := range []proto.Message{
		&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, Limit: 1, SortOrder: pb.RangeRequest_DESCEND, SortTarget: pb.RangeRequest_MOD, MinModRevision: 2},
		&pb.PutRequest{Key: []byte("a"), Value: []byte("v"), PrevKv: true, IgnoreLease: true},
		&pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("c"), PrevKv: true},
		&pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("a"), RangeEnd: []byte("z"), Target: pb.Compare_LEASE}}, Failure: ops(opPut("x"), opTxn(ops(opDelete("a", "b")), nil))},
		&pb.TxnRequest{Success: ops(opRange("a"), opRange("b"))},
		&pb.CompactionRequest{Revision: 2},
	} {
		b, err := proto.Marshal(r)
		require.NoError(f, err)
		f.Add(byte(min(kind, 3)+kind/5), b)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		s := newKV(t)
		ctx := t.Context()
		_, err := s.Put(ctx, &pb.PutRequest{Key: []byte("a"), Value: []byte("1")})
		require.NoError(t, err)
		_, err = s.Put(ctx, &pb.PutRequest{Key: []byte("b")})
		require.NoError(t, err)
		var resp proto.Message
		switch kind % 5 {
		case 0:
			resp, err = call(ctx, b, &pb.RangeRequest{}, s.Range)
		case 1:
			resp, err = call(ctx, b, &pb.PutRequest{}, s.Put)
		case 2:
			resp, err = call(ctx, b, &pb.DeleteRangeRequest{}, s.DeleteRange)
		case 3:
			resp, err = call(ctx, b, &pb.TxnRequest{}, s.Txn)
		case 4:
			resp, err = call(ctx, b, &pb.CompactionRequest{}, s.Compact)
		}
		if err != nil {
			require.NotContains(t, []codes.Code{codes.Unknown, codes.Internal}, status.Code(err), "%v", err)
			return
		}
		_, err = proto.Marshal(resp)
		require.NoError(t, err)
	})
}

// call decodes a request and makes it. Bytes that are none are answered with nothing.
func call[Q, A proto.Message](ctx context.Context, b []byte, request Q, method func(context.Context, Q) (A, error)) (proto.Message, error) {
	var none A
	if proto.Unmarshal(b, request) != nil {
		return none, nil
	}
	return method(ctx, request)
}

// newKV is the KV service over a small state, without a network.
func newKV(t *testing.T) *kvService {
	store, err := storage.Open("state", storage.Options{
		FS: vfs.NewMem(), FlushInterval: -1, MemTableBytes: 64 << 10, CacheBytes: 64 << 10,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	users, err := auth.New(auth.Config{Token: "simple", BcryptCost: 4})
	require.NoError(t, err)
	cluster := membership.New(9, 7, 1)
	l := &loop{store: store, cluster: cluster, users: users, applier: apply.New(apply.Config{Cluster: cluster, Auth: users})}
	s, err := New(Options{Config: config.Default(), Replica: l, Lessor: oneLease{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Stop(ctx)
	})
	return &kvService{Server: s}
}
