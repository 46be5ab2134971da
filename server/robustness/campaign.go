package robustness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

const (
	// settleQuiet is how long the revision must stand still before an epoch is checked: a forwarded
	// proposal may outlive its client's patience.
	settleQuiet = 300 * time.Millisecond
	// checkBudget bounds the search for a linearization of one epoch.
	checkBudget = 2 * time.Minute
	// calmMax is the longest time of load between two faults, unless the campaign says.
	calmMax = 300 * time.Millisecond
)

// Campaign is a run of faults under load, checked epoch by epoch.
type Campaign struct {
	Cluster  *Cluster
	Seed     uint64
	Traffic  Traffic
	Watchers int
	V2       V2 // what API 2's clients do meanwhile
	Faults   []Fault
	Epoch    int           // faults per epoch
	Calm     time.Duration // the longest time of load between two faults; 0: calmMax
	Tidy     bool          // delete an epoch's keys after it, so that the store stays small
	Logf     func(format string, args ...any)

	epochs int // of all runs: no two use the same keys (I4)

	// tamper changes an epoch's traffic before it starts; tests plant errors with it.
	tamper func(*traffic)
	// tamperV2 does so with API 2's.
	tamperV2 func(*v2Epoch)
}

// Run inflicts faults until at least so many happened and so many processes were killed, or the
// budget of time is used up. The first epoch that fails a check ends it.
func (c *Campaign) Run(ctx context.Context, faults, kills int, budget time.Duration) (Summary, error) {
	var sum Summary
	began := time.Now()
	rng := rand.New(rand.NewPCG(c.Seed, uint64(c.epochs)))
	revision, err := c.settle(ctx)
	if err != nil {
		return sum, err
	}
	for (sum.Faults < faults || sum.Kills < kills) && time.Since(began) < budget {
		e := &epoch{Campaign: c, number: c.epochs, start: revision, prefix: fmt.Sprintf("%se%05d/", c.Traffic.Folder, c.epochs)}
		c.epochs++
		if err := e.run(ctx, rng); err != nil {
			return sum, fmt.Errorf("epoch %d (seed %d, faults: %v): %w", e.number, c.Seed, e.names, err)
		}
		revision = e.end
		sum.count(e)
		sum.Took = time.Since(began)
		c.Logf("epoch %d: %d operations (%d ambiguous), %d events, %d watch sessions, revision %d, %d kills so far; %v", e.number,
			len(e.traffic.ops), e.ambiguous(), len(e.events), e.sessions, e.end, sum.Kills, e.names)
		if e.v2 != nil {
			c.Logf("epoch %d: API 2: %+v", e.number, e.v2.summary())
		}
	}
	return sum, nil
}

// settle waits until nothing changes any more and all members agree; it returns the revision.
func (c *Campaign) settle(ctx context.Context) (int64, error) {
	if err := c.Cluster.WaitHealthy(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, convergeTimeout)
	defer cancel()
	last := int64(-1)
	for {
		now, err := currentRevision(ctx, c.Cluster.conns[0])
		if err == nil && now == last {
			break
		}
		last = now
		if !wait(ctx, settleQuiet) {
			return 0, fmt.Errorf("%w: the revision does not settle: %w", ErrUnhealthy, errors.Join(err, ctx.Err()))
		}
	}
	return converge(ctx, c.Cluster.conns)
}

// epoch is some faults under load and the checks after them.
type epoch struct {
	*Campaign
	number     int
	prefix     string
	start, end int64 // revisions

	names    []string
	kills    int
	traffic  *traffic
	watchers []*watcher
	events   []Event
	sessions int
	tenants  *tenants // nil without leases
	v2       *v2Epoch // nil without API 2
}

// run is the epoch: load and faults, rest, checks.
func (e *epoch) run(ctx context.Context, rng *rand.Rand) error {
	e.Cluster.oldest = e.start
	e.traffic = newTraffic(e.Traffic, e.Cluster.conns, e.prefix, e.start)
	if e.tamper != nil {
		e.tamper(e.traffic)
	}
	loadCtx, stopLoad := context.WithCancel(ctx)
	watchCtx, stopWatches := context.WithCancel(ctx)
	defer stopWatches()
	var load, watches sync.WaitGroup
	var end atomic.Int64 // where watchers may stop; 0 while the load goes on
	seed := rng.Uint64()
	load.Go(func() { e.traffic.Run(loadCtx, seed) })
	if e.Traffic.Leases {
		e.tenants = newTenants(e.Cluster.conns, e.prefix, e.traffic.began, seed)
		load.Go(func() { e.tenants.run(loadCtx) })
	}
	for i := range e.Watchers {
		w := newWatcher(i, e.Cluster.conns, e.prefix, e.start, rng.Uint64())
		e.watchers = append(e.watchers, w)
		watches.Go(func() { w.run(watchCtx, end.Load) })
	}
	if err := e.startV2(ctx, loadCtx, &load, rng.Uint64()); err != nil {
		stopLoad()
		stopWatches()
		load.Wait()
		watches.Wait()
		return err
	}
	err := e.inflict(ctx, rng)
	stopLoad()
	load.Wait()
	if err != nil {
		stopWatches()
		watches.Wait()
		return err
	}
	if err := e.rest(ctx, &end); err != nil {
		return err
	}
	if err := e.v2.rest(ctx); err != nil {
		return err
	}
	if err := e.awaitWatchers(ctx); err != nil {
		return err
	}
	stopWatches()
	watches.Wait()
	return e.check(ctx)
}

// inflict does the epoch's faults, each after a time of load. Every second one meets a cluster that
// has recovered from the one before, the others whatever is there.
func (e *epoch) inflict(ctx context.Context, rng *rand.Rand) error {
	for i := range e.Epoch {
		if !wait(ctx, randomUpTo(rng, cmp.Or(e.Calm, calmMax))) {
			return ctx.Err()
		}
		f := choose(e.Faults, rng)
		e.names = append(e.names, f.Name)
		killed, err := f.do(ctx, e.Cluster, rng)
		e.kills += killed
		if err != nil {
			return err
		}
		if i%2 == 0 {
			if err := e.Cluster.WaitHealthy(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// rest lets leases end and the cluster settle, then makes one event that every watcher must see: a put for
// those that want puts, a delete for those that want deletes.
func (e *epoch) rest(ctx context.Context, end *atomic.Int64) error {
	if err := e.Cluster.WaitHealthy(ctx); err != nil {
		return err
	}
	if e.tenants != nil {
		if err := e.tenants.awaitEnd(ctx); err != nil {
			return errors.Join(append(e.tenants.errs, err)...)
		}
	}
	if _, err := e.settle(ctx); err != nil {
		return err
	}
	put, err := e.last(ctx, Put)
	if err != nil {
		return err
	}
	end.Store(put.Answer.Revision)
	if _, err := e.last(ctx, Delete); err != nil {
		return err
	}
	e.end, err = converge(ctx, e.Cluster.conns)
	return err
}

// last makes one of the last two changes of the epoch. Every try is an operation of its own: what becomes of one that was
// not answered is not known.
func (e *epoch) last(ctx context.Context, kind Kind) (Operation, error) {
	c := &client{traffic: e.traffic, seen: make(map[string]Previous)}
	op := Operation{Kind: kind, Key: e.prefix + "end"}
	tries := 0
	err := insist(ctx, "write the epoch's end", func(ctx context.Context) (err error) {
		tries++
		if kind == Put {
			op.Value = fmt.Sprintf("%send%d", e.prefix, tries)
		}
		op.Call = time.Since(e.traffic.began)
		op.Answer, err = c.send(ctx, (tries-1)%len(c.conns), op)
		op.Return, op.Known = time.Since(e.traffic.began), err == nil
		c.record(e.traffic.floor.Load(), op)
		return err
	})
	return op, err
}

// awaitWatchers waits until each has seen the epoch to its end.
func (e *epoch) awaitWatchers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, convergeTimeout)
	defer cancel()
	for i, w := range e.watchers {
		for w.Last() < e.end-1 {
			if !wait(ctx, 10*time.Millisecond) {
				return fmt.Errorf("%w: not reliable: watcher %d has got to revision %d and not to %d", ErrWatch, i, w.Last(), e.end)
			}
		}
	}
	return nil
}

// check runs every check on what the epoch recorded, then forgets its history in the store too.
func (e *epoch) check(ctx context.Context) error {
	errs := e.traffic.errs
	// The history of one member and the states of all: their HashKV are equal already.
	member := e.number % len(e.Cluster.conns)
	var err error
	if e.events, err = readHistory(ctx, e.Cluster.conns[member], e.start, e.end); err != nil {
		return err
	}
	ops, told := e.traffic.ops, e.events
	if e.tenants != nil {
		errs = append(errs, e.tenants.errs...)
		ops, told = slices.Concat(ops, e.tenants.ops), e.tenants.expired(e.events)
	}
	for _, conn := range e.Cluster.conns {
		state, err := readState(ctx, conn, e.prefix, e.end)
		if err != nil {
			return err
		}
		errs = append(errs, CheckHistory(told, e.start, e.end, ops, state))
	}
	errs = append(errs, checkLists(e.events, e.traffic.lists))
	for _, w := range e.watchers {
		for _, s := range w.Sessions() {
			e.sessions++
			errs = append(errs, CheckWatch(e.events, s))
		}
	}
	errs = append(errs, checkLinearizable(resolve(e.traffic.ops, e.events), checkBudget), e.v2.check(ctx, member))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return e.compact(ctx)
}

// compact drops the history of every second epoch, so that crashes meet stores before, during and
// after a compaction.
func (e *epoch) compact(ctx context.Context) error {
	if e.Tidy {
		resp, err := pb.NewKVClient(e.Cluster.conns[0]).DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte(e.prefix), RangeEnd: []byte(endOf(e.prefix))})
		if err != nil {
			return fmt.Errorf("robustness: delete the keys of epoch %d: %w", e.number, err)
		}
		e.end = resp.Header.GetRevision()
	}
	if e.number%2 == 0 {
		return nil
	}
	_, err := pb.NewKVClient(e.Cluster.conns[0]).Compact(ctx, &pb.CompactionRequest{Revision: e.end, Physical: e.number%4 == 1})
	if err != nil {
		return fmt.Errorf("robustness: compact at %d: %w", e.end, err)
	}
	return nil
}

// ambiguous counts the operations without an answer.
func (e *epoch) ambiguous() int {
	n := 0
	for _, op := range e.traffic.ops {
		if !op.Known {
			n++
		}
	}
	return n
}
