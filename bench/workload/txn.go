package workload

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// Shapes of a transaction.
const (
	OnePut    = "put"   // one put, no condition
	EightPuts = "puts8" // eight puts, no condition
	Mixed     = "mixed" // if a key exists: read another key and put the first
)

// Shapes are the values Txn.Shape may have.
func Shapes() []string { return []string{OnePut, EightPuts, Mixed} }

// Txn runs one transaction per operation.
type Txn struct {
	Data
	Shape string
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
	puts := map[string]int{OnePut: 1, EightPuts: 8, Mixed: 1}[w.Shape]
	if puts == 0 {
		return nil, fmt.Errorf("%w: a transaction's shape is one of %v, not %q", ErrParameters, Shapes(), w.Shape)
	}
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		c := &txnClient{data: w.Data, conn: conn}
		if w.Shape == Mixed {
			c.exists = &pb.Compare{
				Target:      pb.Compare_VERSION,
				Result:      pb.Compare_GREATER,
				Key:         make([]byte, w.Keys.Size),
				TargetUnion: &pb.Compare_Version{Version: 0},
			}
			c.read = &pb.RangeRequest{Key: make([]byte, w.Keys.Size)}
			c.req.Compare = []*pb.Compare{c.exists}
			c.req.Success = append(c.req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: c.read}})
		}
		for range puts {
			put := w.newPut()
			c.puts = append(c.puts, put)
			c.req.Success = append(c.req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
		}
		return c, nil
	})
}

// txnClient reuses one request, whose parts the other fields point into.
type txnClient struct {
	data   Data
	conn   Conn
	req    pb.TxnRequest
	resp   pb.TxnResponse
	puts   []*pb.PutRequest
	exists *pb.Compare
	read   *pb.RangeRequest
}

func (c *txnClient) Do(ctx context.Context, n uint64) error {
	keys := c.data.Keys
	base := keys.Index(n * uint64(len(c.puts)))
	for i, put := range c.puts {
		// Neighboring keys: a transaction may not put one twice.
		c.data.fillPut(put, (base+uint64(i))%keys.Space, n*uint64(len(c.puts))+uint64(i))
	}
	if c.exists != nil {
		keys.Fill(c.exists.Key, base)
		keys.Fill(c.read.Key, keys.Index(^n))
	}
	if err := c.conn.Invoke(ctx, pb.KV_Txn_FullMethodName, &c.req, &c.resp); err != nil {
		return err
	}
	if !c.resp.Succeeded {
		return fmt.Errorf("%w: a condition that holds failed", ErrAnswer)
	}
	return nil
}
