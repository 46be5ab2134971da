package workload

import (
	"bytes"
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// History is a store that was loaded with every key once and then changed, so that the answers at the
// old revision and at the newest differ and both are known.
type History struct {
	Data
	Loaded  int64  // revision at which exactly all keys were there
	Deleted uint64 // the first keys, gone now
}

// Change deletes one key in a thousand, the lowest, and then makes so many revisions, a put each, of the keys after those.
func Change(ctx context.Context, conns []Conn, d Data, revisions uint64) (History, error) {
	kv := pb.NewKVClient(conns[0])
	now, err := kv.Range(ctx, &pb.RangeRequest{Key: d.Keys.New(0)})
	if err != nil {
		return History{}, fmt.Errorf("workload: revision after the load: %w", err)
	}
	h := History{Data: d, Loaded: now.Header.GetRevision(), Deleted: max(1, d.Keys.Space/1000)}
	if h.Deleted >= d.Keys.Space {
		return History{}, fmt.Errorf("%w: %d keys are too few to delete some", ErrParameters, d.Keys.Space)
	}
	del, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: d.Keys.New(0), RangeEnd: d.Keys.New(h.Deleted)})
	if err != nil {
		return History{}, fmt.Errorf("workload: delete keys: %w", err)
	}
	if del.Deleted != int64(h.Deleted) {
		return History{}, fmt.Errorf("%w: %d keys deleted instead of %d", ErrAnswer, del.Deleted, h.Deleted)
	}
	clients, err := each(conns, max(loadClients, len(conns)), func(_ int, conn Conn) (driver.Client, error) {
		return &changeClient{history: h, put: putClient{data: d, conn: conn, req: d.newPut()}}, nil
	})
	if err != nil {
		return History{}, err
	}
	res := driver.Run(ctx, clients, driver.Load{Ops: revisions})
	if err := ctx.Err(); err != nil {
		return History{}, fmt.Errorf("workload: rewrite keys: %w", err)
	}
	if len(res.Errors) > 0 {
		return History{}, fmt.Errorf("workload: rewrite keys: %v", res.Errors)
	}
	return h, nil
}

// changeClient writes keys that were not deleted, one after another.
type changeClient struct {
	history History
	put     putClient
}

func (c *changeClient) Do(ctx context.Context, n uint64) error {
	h, p := c.history, &c.put
	h.fillPut(p.req, h.Deleted+n%(h.Keys.Space-h.Deleted), h.Keys.Space+n)
	if err := p.conn.Invoke(ctx, pb.KV_Put_FullMethodName, p.req, &p.resp); err != nil {
		return err
	}
	return p.written.next(p.resp.Header)
}

// Question is a read whose answer is known.
type Question struct {
	Name  string
	req   *pb.RangeRequest
	count int64
	first []byte // key the page begins with; nil for a mere count
	keys  int64  // in the page
}

// The questions' names.
const (
	CountNewest = "count, newest revision"
	CountOld    = "count, old revision"
	PageNewest  = "page, newest revision"
	PageOld     = "page, old revision"
)

// Questions are what a control plane asks of a large store. Pages begin at a quarter of the keys.
func (h History) Questions(limit int64) []Question {
	space := h.Keys.Space
	quarter := max(space/4, h.Deleted)
	count := func(revision int64) *pb.RangeRequest {
		return &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, CountOnly: true, Revision: revision}
	}
	page := func(revision int64) *pb.RangeRequest {
		return &pb.RangeRequest{Key: h.Keys.New(quarter), RangeEnd: []byte{0}, Limit: limit, Revision: revision}
	}
	paged := func(name string, revision int64) Question {
		return Question{Name: name, req: page(revision), count: int64(space - quarter),
			first: h.Keys.New(quarter), keys: min(int64(space-quarter), limit)}
	}
	return []Question{
		{Name: CountNewest, req: count(0), count: int64(space - h.Deleted)},
		{Name: CountOld, req: count(h.Loaded), count: int64(space)},
		paged(PageNewest, 0),
		paged(PageOld, h.Loaded),
	}
}

// Ask asks the question repeats times, one after another. Wrong answers are counted as errors.
func (q Question) Ask(ctx context.Context, conn Conn, repeats uint64) (driver.Result, error) {
	res := driver.Run(ctx, []driver.Client{&questionClient{question: q, conn: conn}}, driver.Load{Ops: repeats})
	return res, ctx.Err()
}

// questionClient asks the same thing each time.
type questionClient struct {
	question Question
	conn     Conn
}

func (c *questionClient) Do(ctx context.Context, _ uint64) error {
	var resp pb.RangeResponse
	if err := c.conn.Invoke(ctx, pb.KV_Range_FullMethodName, c.question.req, &resp); err != nil {
		return err
	}
	return c.question.check(&resp)
}

// check says what differs from the known answer.
func (q Question) check(resp *pb.RangeResponse) error {
	if resp.Count != q.count {
		return fmt.Errorf("%w: count %d, not %d", ErrAnswer, resp.Count, q.count)
	}
	if q.first == nil {
		return nil
	}
	if int64(len(resp.Kvs)) != q.keys {
		return fmt.Errorf("%w: %d keys, not %d", ErrAnswer, len(resp.Kvs), q.keys)
	}
	if len(resp.Kvs) > 0 && !bytes.Equal(resp.Kvs[0].Key, q.first) {
		return fmt.Errorf("%w: first key %q, not %q", ErrAnswer, resp.Kvs[0].Key, q.first)
	}
	if more := q.keys < q.count; resp.More != more {
		return fmt.Errorf("%w: more is %v, not %v", ErrAnswer, resp.More, more)
	}
	return nil
}
