package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

const (
	// operationTimeout ends an operation as ambiguous. It is long against an election.
	operationTimeout = 3 * time.Second
	// retryPause follows an error, so that a dead member's clients do not spin.
	retryPause = 20 * time.Millisecond
	// moveEvery is after how many operations, on average, a client turns to another member.
	moveEvery = 10
)

// Traffic is what clients do during an epoch.
type Traffic struct {
	Clients int
	Keys    int           // registers they share
	Pause   time.Duration // of a client between operations, on average; 0 = none

	// Weights of the operations.
	Gets, Puts, Deletes, Swaps, Multis, Lists int

	Leases     bool   // keys under leases as well
	ByRevision bool   // swaps ask for the revision of what they change
	Padding    int    // bytes that make values longer
	Folder     string // before all keys

	// WritesMax is after how many writes clients only read; 0 = never. It keeps an epoch within API 2's history.
	WritesMax int64
}

// traffic is one epoch's, under way.
type traffic struct {
	Traffic
	conns  []*grpc.ClientConn
	prefix string // of the epoch's keys
	began  time.Time
	// send performs a one-key operation at a member, once. API 2's traffic replaces it.
	send func(ctx context.Context, member int, op Operation) (Answer, error)
	// read performs a get. A planted error replaces it.
	read func(ctx context.Context, member int, key string) (*pb.RangeResponse, error)

	writes atomic.Int64 // sent

	// floor is the newest revision any finished operation reported: later ones must not be below.
	floor atomic.Int64

	mu    sync.Mutex
	ops   []Operation
	lists []List
	errs  []error
}

// newTraffic prepares an epoch's traffic; Run starts it.
func newTraffic(t Traffic, conns []*grpc.ClientConn, prefix string, floor int64) *traffic {
	tr := &traffic{Traffic: t, conns: conns, prefix: prefix, began: time.Now()}
	tr.floor.Store(floor)
	tr.send = tr.request
	tr.read = func(ctx context.Context, member int, key string) (*pb.RangeResponse, error) {
		return pb.NewKVClient(conns[member]).Range(ctx, &pb.RangeRequest{Key: []byte(key)})
	}
	return tr
}

// Run applies the traffic until ctx ends and every operation has ended. Operations are not cut
// short: they end by an answer or by their own time limit.
func (t *traffic) Run(ctx context.Context, seed uint64) {
	var wg sync.WaitGroup
	for id := range t.Clients {
		c := &client{traffic: t, id: id, rng: rand.New(rand.NewPCG(seed, uint64(id)))}
		wg.Go(func() { c.run(ctx) })
	}
	wg.Wait()
}

// client is one sequential client.
type client struct {
	*traffic
	id     int
	rng    *rand.Rand
	member int
	writes int
	seen   map[string]Previous // what this client last saw of a key, as expectation for swaps
}

// run performs operations one after the other.
func (c *client) run(ctx context.Context) {
	c.seen = make(map[string]Previous)
	c.member = c.rng.IntN(len(c.conns))
	for ctx.Err() == nil {
		if c.rng.IntN(moveEvery) == 0 {
			c.member = c.rng.IntN(len(c.conns))
		}
		pause := time.Duration(0)
		if c.Pause > 0 {
			pause = time.Duration(c.rng.Int64N(int64(2 * c.Pause)))
		}
		if err := c.operate(); err != nil {
			pause = retryPause
			c.member = c.rng.IntN(len(c.conns))
		}
		if pause > 0 && !wait(ctx, pause) {
			return
		}
	}
}

// operate performs and records one operation.
func (c *client) operate() error {
	key := c.key(c.rng.IntN(c.Keys))
	op := Operation{Client: c.id, Key: key}
	switch n := c.rng.IntN(c.Gets + c.Puts + c.Deletes + c.Swaps + c.Multis + c.Lists); {
	case n < c.Gets || c.WritesMax > 0 && c.traffic.writes.Add(1) > c.WritesMax:
		op.Kind = Get
	case n < c.Gets+c.Puts:
		op.Kind, op.Value = Put, c.value()
	case n < c.Gets+c.Puts+c.Deletes:
		op.Kind = Delete
	case n < c.Gets+c.Puts+c.Deletes+c.Swaps:
		op.Kind, op.Value, op.Expect = Swap, c.value(), c.seen[key].Value
		if c.ByRevision {
			op.At = c.seen[key].ModRevision
		}
	case n < c.Gets+c.Puts+c.Deletes+c.Swaps+c.Multis:
		return c.multi()
	default:
		return c.list()
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	floor := c.floor.Load()
	op.Call = time.Since(c.began)
	var err error
	op.Answer, err = c.send(ctx, c.member, op)
	op.Return = time.Since(c.began)
	op.Known = err == nil
	c.record(floor, op)
	return err
}

// key names the epoch's i-th key.
func (t *traffic) key(i int) string { return fmt.Sprintf("%sk%03d", t.prefix, i) }

// value makes one that nobody else writes (I2).
func (c *client) value() string {
	c.writes++
	return fmt.Sprintf("%s%d-%d%s", c.prefix, c.id, c.writes, strings.Repeat(".", c.Padding))
}

// record keeps the operations of one request and checks the revision against the floor, the newest
// one reported before the request began.
func (c *client) record(floor int64, ops ...Operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops = append(c.ops, ops...)
	op := ops[0]
	if !op.Known {
		return
	}
	c.remember(ops)
	revision := op.Answer.Revision
	if changed := op.Kind == Put || op.Kind != Get && op.Answer.Done; revision < floor || changed && revision == floor {
		c.errs = append(c.errs, fmt.Errorf("%w: from %d: %v", ErrRevision, floor, op))
	}
	for {
		old := c.floor.Load()
		if old >= revision || c.floor.CompareAndSwap(old, revision) {
			return
		}
	}
}

// remember keeps what the client knows of its keys now.
func (c *client) remember(ops []Operation) {
	for _, op := range ops {
		switch {
		case op.Kind == Put || op.Kind == Swap && op.Answer.Done:
			c.seen[op.Key] = Previous{Value: op.Value, ModRevision: op.Answer.Revision}
		case op.Kind == Delete || !op.Answer.Found:
			delete(c.seen, op.Key)
		default:
			c.seen[op.Key] = Previous{Value: op.Answer.Value, ModRevision: op.Answer.ModRevision}
		}
	}
}
