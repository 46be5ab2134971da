package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// leaseTTL outlasts every run, in seconds.
const leaseTTL = 3600

// KeepAlive renews a lease per operation. Each client has a lease and a stream of its own.
type KeepAlive struct{}

// Prepare has nothing to do: Clients grants the leases.
func (w *KeepAlive) Prepare(context.Context, []Conn) error { return nil }

// Clients implements Workload.
func (w *KeepAlive) Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error) {
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		lease := pb.NewLeaseClient(conn)
		granted, err := lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: leaseTTL})
		if err != nil {
			return nil, fmt.Errorf("workload: grant a lease: %w", err)
		}
		stream, err := lease.LeaseKeepAlive(ctx)
		if err != nil {
			return nil, fmt.Errorf("workload: open a keep-alive stream: %w", err)
		}
		return &keepAliveClient{stream: stream, req: &pb.LeaseKeepAliveRequest{ID: granted.ID}}, nil
	})
}

// keepAliveClient has at most one request on its stream.
type keepAliveClient struct {
	stream pb.Lease_LeaseKeepAliveClient
	req    *pb.LeaseKeepAliveRequest
	resp   pb.LeaseKeepAliveResponse
}

func (c *keepAliveClient) Do(_ context.Context, _ uint64) error {
	if err := c.stream.Send(c.req); err != nil {
		return err
	}
	if err := c.stream.RecvMsg(&c.resp); err != nil {
		return err
	}
	if c.resp.TTL != leaseTTL {
		return fmt.Errorf("%w: TTL %d after a renewal", ErrAnswer, c.resp.TTL)
	}
	return nil
}
