package simulation

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/robustness"
)

// clients ask members for what the plan says. Each demand is a goroutine that waits for its answer.
type clients struct {
	w *world

	mu     sync.Mutex
	ops    []*robustness.Operation      // by the order in which they were asked for
	locals []*robustness.Operation      // serializable reads
	seen   map[string]robustness.Answer // the newest version of a key that a client saw, by revision: answers come in any order
	leases []*granted
}

// granted is a lease, as its client knows it.
type granted struct {
	id      int64
	key     string
	ttl     time.Duration
	renewed time.Duration // when the newest renewal that succeeded was asked for; 0: the grant's answer never came
}

func keyName(n int) string { return fmt.Sprint("k", n) }

// ask sends a demand, if its member can take it.
func (c *clients) ask(d Demand) {
	m := c.w.members[d.Member]
	if !m.lives(m.life) {
		return
	}
	if m.pausedUntil > c.w.now() {
		c.w.at(m.pausedUntil, func() { c.ask(d) })
		return
	}
	c.w.stats.Demands++
	switch d.Kind {
	case Watch:
		c.w.watches.begin(m, d)
	case Compact:
		c.do(func(ctx context.Context) { c.compact(ctx, m, d) })
	case Lease:
		c.grant(m, d)
	case KeepAlive:
		c.keepAlive(m, d)
	case LocalGet:
		c.localGet(m, d)
	case PutMany:
		c.putMany(m, d)
	case TreePut, TreeDelete, TreeSwap, TreeGet, TreeLocalGet:
		c.w.tree.ask(m, d)
	default:
		c.one(m, d)
	}
}

// clientMax is how long a client waits for its answers.
const clientMax = 5 * time.Second

// do runs a client in a goroutine of its own.
func (c *clients) do(f func(ctx context.Context)) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), clientMax)
		defer cancel()
		f(ctx)
	}()
}

// begin records that an operation was asked for.
func (c *clients) begin(op robustness.Operation) *robustness.Operation {
	op.Call, op.Client = c.w.now(), len(c.ops)
	c.ops = append(c.ops, &op)
	return &op
}

// one is an operation on one key.
func (c *clients) one(m *member, d Demand) {
	op := robustness.Operation{Key: keyName(d.Key)}
	switch d.Kind {
	case Put:
		op.Kind, op.Value = robustness.Put, fmt.Sprint("v", d.Number)
	case Delete:
		op.Kind = robustness.Delete
	case Swap:
		op.Kind, op.Value, op.Expect = robustness.Swap, fmt.Sprint("v", d.Number), c.seen[op.Key].Value
	case Get:
		op.Kind = robustness.Get
	default:
		panic(fmt.Sprintf("simulation: demand of kind %d", d.Kind))
	}
	rec, life := c.begin(op), m.life
	c.do(func(ctx context.Context) {
		a, err := c.request(ctx, m, d, op)
		c.answered(m, life, err, func() {
			rec.Known, rec.Return, rec.Answer = true, c.w.now(), a
			if a.Found && a.ModRevision > c.seen[op.Key].ModRevision {
				c.seen[op.Key] = a
			}
		})
	})
}

// answered records an answer, unless the machine was without power already when it was given.
func (c *clients) answered(m *member, life int, err error, record func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && m.lives(life) {
		c.w.stats.Answers++
		record()
	}
}

// request performs an operation as the API does.
func (c *clients) request(ctx context.Context, m *member, d Demand, op robustness.Operation) (a robustness.Answer, err error) {
	r := m.replica
	switch op.Kind {
	case robustness.Get:
		if !c.w.hooks.LocalReads {
			if err := r.ReadBarrier(ctx); err != nil {
				return a, err
			}
		}
		resp, err := apply.Range(ctx, r.Store(), &pb.RangeRequest{Key: []byte(op.Key)})
		if err != nil {
			return a, err
		}
		return robustness.ReadAnswer(resp, resp.Header.GetRevision()), nil
	case robustness.Put:
		resp, err := propose[*pb.PutResponse](ctx, m, d, &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte(op.Key), Value: []byte(op.Value)}})
		if err != nil {
			return a, err
		}
		return robustness.Answer{Revision: resp.Header.GetRevision()}, nil
	case robustness.Delete:
		resp, err := propose[*pb.DeleteRangeResponse](ctx, m, d, &pb.InternalRaftRequest{DeleteRange: &pb.DeleteRangeRequest{Key: []byte(op.Key)}})
		if err != nil {
			return a, err
		}
		return robustness.Answer{Done: resp.Deleted > 0, Revision: resp.Header.GetRevision()}, nil
	case robustness.Swap:
		resp, err := propose[*pb.TxnResponse](ctx, m, d, &pb.InternalRaftRequest{Txn: robustness.SwapRequest(op)})
		if err != nil {
			return a, err
		}
		if resp.Succeeded {
			return robustness.Answer{Done: true, Revision: resp.Header.GetRevision()}, nil
		}
		return robustness.ReadAnswer(resp.Responses[0].GetResponseRange(), resp.Header.GetRevision()), nil
	}
	return a, fmt.Errorf("simulation: operation of kind %v", op.Kind)
}

// propose appends a request to the log and waits for its answer.
func propose[R any](ctx context.Context, m *member, d Demand, req *pb.InternalRaftRequest) (resp R, err error) {
	res, err := m.gate.propose(ctx, int64(d.Number), req)
	if err != nil {
		return resp, err
	}
	if res.Err != nil {
		return resp, res.Err
	}
	resp, ok := res.Resp.(R)
	if !ok {
		return resp, fmt.Errorf("simulation: answer is a %T", res.Resp)
	}
	return resp, nil
}

// localGet reads what a member has.
func (c *clients) localGet(m *member, d Demand) {
	key := keyName(d.Key)
	resp, err := apply.Range(context.Background(), m.replica.Store(), &pb.RangeRequest{Key: []byte(key)})
	if m.rotten && replica.IsDamage(err) {
		return
	}
	if err != nil {
		c.w.checks.fail("%s: read: %w", m.name, err)
		return
	}
	c.locals = append(c.locals, &robustness.Operation{Key: key, Kind: robustness.Get, Call: c.w.now(), Return: c.w.now(), Known: true,
		Answer: robustness.ReadAnswer(resp, resp.Header.GetRevision())})
}

// putMany puts a value under several keys at once.
func (c *clients) putMany(m *member, d Demand) {
	txn, life := &pb.TxnRequest{}, m.life
	var recs []*robustness.Operation
	for i := range min(3, c.w.plan.Shape.Keys) {
		op := robustness.Operation{Kind: robustness.Put, Key: keyName((d.Key + i) % c.w.plan.Shape.Keys), Value: fmt.Sprint("v", d.Number)}
		recs = append(recs, c.begin(op))
		put := &pb.PutRequest{Key: []byte(op.Key), Value: []byte(op.Value)}
		txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
	}
	c.do(func(ctx context.Context) {
		resp, err := propose[*pb.TxnResponse](ctx, m, d, &pb.InternalRaftRequest{Txn: txn})
		c.answered(m, life, err, func() {
			for _, rec := range recs {
				rec.Known, rec.Return = true, c.w.now()
				rec.Answer.Revision = resp.Header.GetRevision()
			}
		})
	})
}

// compact gives up the history below a revision.
func (c *clients) compact(ctx context.Context, m *member, d Demand) {
	revision := m.replica.Store().Revision() - int64(d.Amount%20)
	if revision < 1 {
		return
	}
	req := &pb.CompactionRequest{Revision: revision}
	_, _ = propose[*pb.CompactionResponse](ctx, m, d, &pb.InternalRaftRequest{Compaction: req}) // also refused: it is older than one before
}
