package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// Shapes of a transaction.
const (
	OnePut    = "put"   // one put
	EightPuts = "puts8" // eight puts
	Mixed     = "mixed" // in turns one put, and a read of the first of all keys, which counts them all
)

// Shapes are the values Txn.Shape may have.
func Shapes() []string { return []string{OnePut, EightPuts, Mixed} }

// Txn runs one transaction per operation.
type Txn struct {
	Data
	Shape string
}

// puts is how many of them a transaction has; 0 for a shape that is unknown.
func (w *Txn) puts() int {
	return map[string]int{OnePut: 1, EightPuts: 8, Mixed: 1}[w.Shape]
}

// Prepare writes every key where the transaction expects keys.
func (w *Txn) Prepare(ctx context.Context, conns []Conn) error {
	if w.Shape != Mixed {
		return nil
	}
	return w.load(ctx, conns)
}

// Clients implements Workload.
func (w *Txn) Clients(_ context.Context, conns []Conn, count int) ([]driver.Client, error) {
	if w.puts() == 0 {
		return nil, fmt.Errorf("%w: a transaction's shape is one of %v, not %q", ErrParameters, Shapes(), w.Shape)
	}
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		c := &txnClient{data: w.Data, conn: conn}
		for range w.puts() {
			put := w.newPut()
			c.puts = append(c.puts, put)
			c.req.Success = append(c.req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
		}
		if w.Shape == Mixed {
			c.read = &pb.TxnRequest{Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{
				RequestRange: &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 1},
			}}}}
		}
		return c, nil
	})
}

// txnClient reuses its requests, whose puts point into req.
type txnClient struct {
	data    Data
	conn    Conn
	req     pb.TxnRequest
	read    *pb.TxnRequest // nil unless every other transaction reads
	resp    pb.TxnResponse
	puts    []*pb.PutRequest
	written revisions
}

func (c *txnClient) Do(ctx context.Context, n uint64) error {
	if c.read != nil && n%2 == 1 {
		return c.readAll(ctx)
	}
	keys := c.data.Keys
	base := keys.Index(n * uint64(len(c.puts)))
	for i, put := range c.puts {
		// Neighboring keys: a transaction may not put one twice.
		c.data.fillPut(put, (base+uint64(i))%keys.Space, n*uint64(len(c.puts))+uint64(i))
	}
	if err := c.conn.Invoke(ctx, pb.KV_Txn_FullMethodName, &c.req, &c.resp); err != nil {
		return err
	}
	if !c.resp.Succeeded || len(c.resp.Responses) != len(c.puts) {
		return fmt.Errorf("%w: %d of %d puts of a transaction answered", ErrAnswer, len(c.resp.Responses), len(c.puts))
	}
	return c.written.next(c.resp.Header)
}

// readAll reads the first key and how many there are, which the puts do not change.
func (c *txnClient) readAll(ctx context.Context) error {
	if err := c.conn.Invoke(ctx, pb.KV_Txn_FullMethodName, c.read, &c.resp); err != nil {
		return err
	}
	if len(c.resp.Responses) != 1 {
		return fmt.Errorf("%w: %d answers to one read", ErrAnswer, len(c.resp.Responses))
	}
	got := c.resp.Responses[0].GetResponseRange()
	if len(got.GetKvs()) != 1 || got.GetCount() != int64(c.data.Keys.Space) {
		return fmt.Errorf("%w: %d keys, count %d instead of %d", ErrAnswer, len(got.GetKvs()), got.GetCount(), c.data.Keys.Space)
	}
	return nil
}
