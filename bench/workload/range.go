package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// Range reads one existing key per operation.
type Range struct {
	Data
	Serializable bool // answered by the member alone, without the quorum
}

// Prepare writes every key once.
func (w *Range) Prepare(ctx context.Context, conns []Conn) error {
	return w.load(ctx, conns)
}

// Clients implements Workload.
func (w *Range) Clients(_ context.Context, conns []Conn, count int) ([]driver.Client, error) {
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		req := &pb.RangeRequest{Key: make([]byte, w.Keys.Size), Serializable: w.Serializable}
		return &rangeClient{data: w.Data, conn: conn, req: req}, nil
	})
}

// rangeClient reuses one request and one response.
type rangeClient struct {
	data Data
	conn Conn
	req  *pb.RangeRequest
	resp pb.RangeResponse
}

func (c *rangeClient) Do(ctx context.Context, n uint64) error {
	c.data.Keys.Fill(c.req.Key, c.data.Keys.Index(n))
	if err := c.conn.Invoke(ctx, pb.KV_Range_FullMethodName, c.req, &c.resp); err != nil {
		return err
	}
	// A serializable read may come before the member has applied the load.
	if len(c.resp.Kvs) != 1 && !c.req.Serializable {
		return fmt.Errorf("%w: %d keys for one that exists", ErrAnswer, len(c.resp.Kvs))
	}
	return nil
}
