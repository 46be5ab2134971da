package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// Put writes one key per operation.
type Put struct {
	Data
}

// Prepare has nothing to do: the first writes create the keys.
func (w *Put) Prepare(context.Context, []Conn) error { return nil }

// Stored implements Storing.
func (w *Put) Stored() int { return w.PairSize() }

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
	data    Data
	conn    Conn
	req     *pb.PutRequest
	resp    pb.PutResponse
	written revisions
}

func (c *putClient) Do(ctx context.Context, n uint64) error {
	c.data.fillPut(c.req, c.data.Keys.Index(n), n)
	if err := c.conn.Invoke(ctx, pb.KV_Put_FullMethodName, c.req, &c.resp); err != nil {
		return err
	}
	return c.written.next(c.resp.Header)
}

// revisions checks that each write of a client has a higher revision than the one before.
type revisions struct {
	last int64
}

// next takes the header of a write's answer.
func (r *revisions) next(h *pb.ResponseHeader) error {
	revision := h.GetRevision()
	if revision <= r.last {
		return fmt.Errorf("%w: a write at revision %d after one at %d", ErrAnswer, revision, r.last)
	}
	r.last = revision
	return nil
}
