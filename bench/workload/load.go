package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

const (
	// loadBatch is how many keys one transaction of a load writes; etcd's default limit is 128.
	loadBatch = 100
	// loadBytes bounds a batch of large values below etcd's default request limit of 1.5 MiB.
	loadBytes = 1 << 20
	// loadClients keeps a few transactions in flight.
	loadClients = 8
)

// load writes every key once, many to a transaction.
func (d Data) load(ctx context.Context, conns []Conn) error {
	batch := uint64(max(1, min(loadBatch, loadBytes/(d.Keys.Size+d.Values.Size))))
	clients, err := each(conns, loadClients, func(_ int, conn Conn) (driver.Client, error) {
		return &loadClient{data: d, conn: conn, batch: batch}, nil
	})
	if err != nil {
		return err
	}
	res := driver.Run(ctx, clients, driver.Load{Ops: (d.Keys.Space + batch - 1) / batch})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("workload: load keys: %w", err)
	}
	if len(res.Errors) > 0 {
		return fmt.Errorf("workload: load keys: %v", res.Errors)
	}
	return nil
}

// loadClient's operation n writes the n-th batch of keys.
type loadClient struct {
	data  Data
	conn  Conn
	batch uint64
}

func (c *loadClient) Do(ctx context.Context, n uint64) error {
	req := &pb.TxnRequest{}
	for i := n * c.batch; i < min((n+1)*c.batch, c.data.Keys.Space); i++ {
		put := c.data.newPut()
		c.data.fillPut(put, i, i)
		req.Success = append(req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
	}
	return c.conn.Invoke(ctx, pb.KV_Txn_FullMethodName, req, &pb.TxnResponse{})
}
