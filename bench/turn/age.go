package turn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// Age is a store's content: live keys and the old versions that compaction would remove.
type Age struct {
	Data    workload.Data // Keys.Space follows from Live
	Live    int64         // bytes of keys and newest values
	History int64         // bytes of older versions
}

// Begin takes the seed and computes how many keys make up the size.
func (a *Age) Begin(seed uint64) error {
	a.Data.Keys.Seed, a.Data.Values.Seed = seed, seed
	if a.Live < 1 || a.History < 0 {
		return fmt.Errorf("%w: a store of %d live and %d old bytes", ErrSettings, a.Live, a.History)
	}
	a.Data.Keys.Space = max(1, uint64(a.Live)/uint64(a.Data.PairSize()))
	return a.Data.Validate()
}

// Fill writes the live keys and then the history, spread over all of them.
func (a *Age) Fill(ctx context.Context, conns []workload.Conn) error {
	end := uint64(a.Live+a.History) / uint64(a.Data.PairSize())
	return a.Data.Batches(ctx, conns, historyBatch, 0, max(end, a.Data.Keys.Space))
}

// mebibytes prints a size.
func mebibytes(n int64) string { return fmt.Sprintf("%.0fMiB", float64(n)/(1<<20)) }

// Fill fills and ages a store, and checks that it has all keys.
type Fill struct {
	Age
	Clients Clients
}

// anyQuota is no quota: what a store is filled to is the caller's business.
const anyQuota = "--quota-backend-bytes=1099511627776"

// Begin implements Turn.
func (f *Fill) Begin(seed uint64) error {
	return errors.Join(f.Clients.validate(), f.Age.Begin(seed))
}

// About implements Turn.
func (f *Fill) About() About {
	p := f.Clients.parameters(f.Data, map[string]string{"live": mebibytes(f.Live), "history": mebibytes(f.History)})
	return About{Unit: "transaction", Parameters: p, Flags: []string{anyQuota}}
}

// Run implements Turn.
func (f *Fill) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	conns, err := t.Dial(ctx, f.Clients.Conns, f.Clients.LeaderOnly)
	if err != nil {
		return err
	}
	defer conns.Close()
	began := time.Now()
	if err := f.Age.Fill(ctx, conns.Interfaces()); err != nil {
		return err
	}
	run.SetTime(report.Load, time.Since(began))
	count, err := countAll(ctx, t)
	if err == nil && count < int64(f.Data.Keys.Space) {
		err = fmt.Errorf("%w: %d keys of %d", ErrResult, count, f.Data.Keys.Space)
	}
	if err != nil {
		return err
	}
	_, err = usage(t, run)
	return err
}
