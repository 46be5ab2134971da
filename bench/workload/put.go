package workload

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// Put writes one key per operation.
type Put struct {
	Data
}

// Prepare has nothing to do: the first writes create the keys.
func (w *Put) Prepare(context.Context, []Conn) error { return nil }

// Clients implements Workload.
func (w *Put) Clients(_ context.Context, conns []Conn, count int) ([]driver.Client, error) {
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		return &putClient{data: w.Data, conn: conn, req: w.newPut()}, nil
	})
}

// newPut is a request with room for a key and a value.
func (d Data) newPut() *pb.PutRequest {
	return &pb.PutRequest{Key: make([]byte, d.Keys.Size), Value: make([]byte, d.Values.Size)}
}

// fillPut makes req the put of key index with the value of operation n.
func (d Data) fillPut(req *pb.PutRequest, index, n uint64) {
	d.Keys.Fill(req.Key, index)
	d.Values.Fill(req.Value, n)
}

// putClient reuses one request and one response.
type putClient struct {
	data Data
	conn Conn
	req  *pb.PutRequest
	resp pb.PutResponse
}

func (c *putClient) Do(ctx context.Context, n uint64) error {
	c.data.fillPut(c.req, c.data.Keys.Index(n), n)
	return c.conn.Invoke(ctx, pb.KV_Put_FullMethodName, c.req, &c.resp)
}
