package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/bench/driver"
)

const (
	// loadBatch is how many keys one transaction of a load writes; etcd's default limit is 128.
	loadBatch = 100
	// loadBytes bounds a batch of large values below etcd's default request limit of 1.5 MiB.
	loadBytes = 1 << 20
	// loadClients keeps a few transactions in flight.
	loadClients = 16
	// loadTries is how often a transaction of a load is made that a server was too slow for. A load is not what is measured.
	loadTries = 5
)

// load writes every key once, many to a transaction, and waits until the member of each connection has all.
func (d Data) load(ctx context.Context, conns []Conn) error {
	if err := d.Batches(ctx, conns, loadBatch, 0, d.Keys.Space); err != nil {
		return err
	}
	for _, conn := range conns {
		if _, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: d.Keys.New(0)}); err != nil {
			return fmt.Errorf("workload: read after the load: %w", err)
		}
	}
	return nil
}

// Batches makes the puts of operations from to end, up to so many of them in a transaction. Operation n below Space writes key n; each
// later one a key that its number draws, so that the more there are, the more history there is.
func (d Data) Batches(ctx context.Context, conns []Conn, batch, from, end uint64) error {
	if end <= from {
		return nil
	}
	// No key twice in a transaction.
	batch = max(1, min(batch, loadBytes/uint64(d.PairSize()), d.Keys.Space))
	clients, err := each(conns, loadClients, func(_ int, conn Conn) (driver.Client, error) {
		return &batchClient{data: d, conn: conn, batch: batch, from: from, end: end}, nil
	})
	if err != nil {
		return err
	}
	res := driver.Run(ctx, clients, driver.Load{Ops: (end - from + batch - 1) / batch})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("workload: load keys: %w", err)
	}
	if len(res.Errors) > 0 {
		return fmt.Errorf("workload: load keys: %v", res.Errors)
	}
	return nil
}

// batchClient's operation n writes the n-th batch of puts.
type batchClient struct {
	data      Data
	conn      Conn
	batch     uint64
	from, end uint64
}

func (c *batchClient) Do(ctx context.Context, n uint64) error {
	first := c.from + n*c.batch
	base := first
	if first >= c.data.Keys.Space {
		// Neighboring keys from one that is drawn: a transaction may not put one twice.
		base = mix(c.data.Keys.Seed^mix(first)) % c.data.Keys.Space
	}
	req := &pb.TxnRequest{}
	for i := first; i < min(first+c.batch, c.end); i++ {
		put := c.data.newPut()
		c.data.fillPut(put, (base+i-first)%c.data.Keys.Space, i)
		req.Success = append(req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
	}
	var resp pb.TxnResponse
	err := c.conn.Invoke(ctx, pb.KV_Txn_FullMethodName, req, &resp)
	for try := 1; try < loadTries && status.Code(err) == codes.Unavailable; try++ {
		err = c.conn.Invoke(ctx, pb.KV_Txn_FullMethodName, req, &resp)
	}
	if err != nil {
		return err
	}
	if !resp.Succeeded || len(resp.Responses) != len(req.Success) {
		return fmt.Errorf("%w: %d of %d puts of a transaction answered", ErrAnswer, len(resp.Responses), len(req.Success))
	}
	return nil
}
