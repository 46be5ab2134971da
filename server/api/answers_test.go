package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/petcd/petcd/server/config"
)

// stuckConn is a connection whose client reads so many bytes and then no more.
type stuckConn struct {
	net.Conn
	left   int
	closed chan struct{}
}

// Read implements net.Conn.
func (c *stuckConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		<-c.closed
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// Answers that are not read keep their memory, and others of that size are refused until it is free; small ones never are.
func TestLargeAnswersHaveABudget(t *testing.T) {
	h := serve(t, func(c *config.Config) { c.MaxAnswerBytes = 7 << 20 })
	kv := pb.NewKVClient(h.conn)
	value := bytes.Repeat([]byte("v"), 1<<20)
	for i := range 10 {
		_, err := kv.Put(t.Context(), &pb.PutRequest{Key: []byte(fmt.Sprintf("big/%d", i)), Value: value})
		require.NoError(t, err)
	}
	all := &pb.RangeRequest{Key: []byte("big/"), RangeEnd: []byte("big0")}
	resp, err := kv.Range(t.Context(), all)
	require.NoError(t, err, "it is alone")
	require.Len(t, resp.Kvs, 10)
	h.taken(t, func(bytes int64) bool { return bytes == 0 })

	stuck := &stuckConn{left: 64 << 10, closed: make(chan struct{})}
	deaf, err := grpc.NewClient("passthrough:///"+h.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)), // else it would give the answer up at its first bytes
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			stuck.Conn = conn
			return stuck, err
		}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = pb.NewKVClient(deaf).Range(ctx, all) // it never ends by itself
	}()
	h.taken(t, func(bytes int64) bool { return bytes > 7<<20 && bytes < 9<<20 })
	refused := func(err error) bool { return errors.Is(rpctypes.Error(err), rpctypes.ErrTooManyRequests) }
	_, err = kv.Range(t.Context(), all)
	require.True(t, refused(err), "%v", err)
	_, err = pb.NewKVClient(h.conn).Txn(t.Context(), &pb.TxnRequest{Success: []*pb.RequestOp{
		{Request: &pb.RequestOp_RequestRange{RequestRange: all}},
	}})
	require.True(t, refused(err), "a transaction that only reads: %v", err)
	many := &pb.TxnRequest{}
	for range 5 {
		many.Success = append(many.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte("big/0")}}})
	}
	_, err = kv.Txn(t.Context(), many)
	require.True(t, refused(err), "many reads of one key: %v", err)
	one, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("big/0"), RangeEnd: []byte("big/1")})
	require.NoError(t, err, "small answers are free")
	require.Len(t, one.Kvs, 1)
	count, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("big/"), RangeEnd: []byte("big0"), CountOnly: true})
	require.NoError(t, err)
	require.EqualValues(t, 10, count.Count)

	cancel()
	close(stuck.closed)
	<-ended
	require.NoError(t, deaf.Close())
	h.taken(t, func(bytes int64) bool { return bytes == 0 })
	_, err = kv.Range(t.Context(), all)
	require.NoError(t, err)
}

// taken waits until what is taken of the budget is as it should be.
func (h *harness) taken(t *testing.T, as func(bytes int64) bool) {
	t.Helper()
	b := h.server.answers
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return as(b.used)
	}, 20*time.Second, time.Millisecond)
}
