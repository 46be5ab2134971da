package workload

import (
	"bytes"
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
		return &rangeClient{data: w.Data, conn: conn, req: req, want: make([]byte, w.Values.Size)}, nil
	})
}

// rangeClient reuses one request and one response.
type rangeClient struct {
	data Data
	conn Conn
	req  *pb.RangeRequest
	resp pb.RangeResponse
	want []byte
}

func (c *rangeClient) Do(ctx context.Context, n uint64) error {
	index := c.data.Keys.Index(n)
	c.data.Keys.Fill(c.req.Key, index)
	if err := c.conn.Invoke(ctx, pb.KV_Range_FullMethodName, c.req, &c.resp); err != nil {
		return err
	}
	if len(c.resp.Kvs) != 1 {
		return fmt.Errorf("%w: %d keys for one that exists", ErrAnswer, len(c.resp.Kvs))
	}
	c.data.Values.Fill(c.want, index) // as load wrote it
	if kv := c.resp.Kvs[0]; !bytes.Equal(kv.Key, c.req.Key) || !bytes.Equal(kv.Value, c.want) {
		return fmt.Errorf("%w: not the key or the value that was written", ErrAnswer)
	}
	return nil
}
