package recipes

import (
	"context"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// callerClient is the client library for one call (I1).
type callerClient struct {
	*clientv3.Client
	conn *callerConn
}

// newClient makes a client whose every call is made in the name of ctx's caller.
// It outlives ctx: a recipe that is given up takes its key away after that.
func newClient(ctx context.Context, services *Channel) callerClient {
	conn := &callerConn{Channel: services, caller: ctx}
	c := clientv3.NewCtxClient(context.WithoutCancel(ctx))
	c.KV = clientv3.NewKVFromKVClient(pb.NewKVClient(conn), c)
	c.Lease = clientv3.NewLeaseFromLeaseClient(pb.NewLeaseClient(conn), c, 0)
	c.Watcher = clientv3.NewWatchFromWatchClient(pb.NewWatchClient(conn), c)
	return callerClient{c, conn}
}

// end closes the client and waits until none of its streams is served any more
// (I4).
func (c callerClient) end() {
	_ = c.Close() // the context's error, which is about nothing that is still wanted
	c.conn.streams.Wait()
}

// session is the client's hold on a lease, 0 meaning a new one. The recipes ask
// for a session; that it keeps the lease alive would be the caller's business,
// so it is cut short after the first time, as etcd does.
func (c callerClient) session(ctx context.Context, lease int64) (*concurrency.Session, error) {
	s, err := concurrency.NewSession(c.Client, concurrency.WithLease(clientv3.LeaseID(lease)), concurrency.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, status.Error(codes.Unavailable, "etcdserver: lease cannot be kept alive")
	}
	s.Orphan()
	return s, nil
}

// callerConn is a Channel whose calls have the values of the caller's context,
// whatever context the library calls with: keeping leases alive, it makes one
// of its own.
type callerConn struct {
	*Channel
	caller  context.Context
	streams sync.WaitGroup
}

// Invoke calls a unary method in the caller's name.
func (c *callerConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.Channel.Invoke(callerContext{ctx, c.caller}, method, args, reply, opts...)
}

// NewStream starts a streaming method in the caller's name.
func (c *callerConn) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.open(callerContext{ctx, c.caller}, method, &c.streams)
}

// callerContext ends with its own context and has the caller's values.
type callerContext struct {
	context.Context
	caller context.Context
}

// Value is the caller's.
func (c callerContext) Value(key any) any { return c.caller.Value(key) }
