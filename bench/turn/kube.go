package turn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// Kube is a Kubernetes cluster's traffic, every kind of operation at its own rate.
type Kube struct {
	Nodes        int
	Conns        int
	CompactEvery time.Duration
	Duration     time.Duration

	seed uint64
}

// workload makes the traffic, which is used once.
func (k *Kube) workload() *workload.Kube {
	return &workload.Kube{Nodes: k.Nodes, CompactEvery: k.CompactEvery, Seed: k.seed}
}

// Begin implements Turn.
func (k *Kube) Begin(seed uint64) error {
	k.seed = seed
	if k.Conns < 1 || k.Duration == 0 {
		return fmt.Errorf("%w: no connections or no time", ErrSettings)
	}
	return k.workload().Validate()
}

// About implements Turn.
func (k *Kube) About() About {
	return About{Unit: "operation", Flags: []string{bigQuota}, Parameters: map[string]string{
		"nodes": fmt.Sprint(k.Nodes), "conns": fmt.Sprint(k.Conns), "compaction": "every " + k.CompactEvery.String(),
	}}
}

// Run implements Turn.
func (k *Kube) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	conns, err := t.Dial(ctx, k.Conns, false)
	if err != nil {
		return err
	}
	defer conns.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := k.workload()
	if err := w.Prepare(ctx, conns.Interfaces()); err != nil {
		return err
	}
	kinds, err := w.Kinds(ctx, conns.Interfaces())
	if err != nil {
		return err
	}
	before, err := t.Usage()
	if err != nil {
		return err
	}
	began := time.Now()
	results := k.drive(ctx, kinds)
	elapsed := time.Since(began).Seconds()
	if err := ctx.Err(); err != nil {
		return err
	}
	after, err := t.Usage()
	if err != nil {
		return err
	}
	if err := w.Settle(ctx); err != nil {
		run.Fail(err)
	}
	done := uint64(0)
	for i, kind := range kinds {
		res := results[i]
		done += res.Done
		run.Wrong(res.Errors)
		run.AddLatency(kind.Name, res.Latencies, res.Seconds)
	}
	run.AddLatency("event at a watcher", w.Delivered(), nil)
	run.Set(report.PerSecond, float64(done)/elapsed)
	run.Set(report.Cores, (after.CPU-before.CPU).Seconds()/elapsed)
	run.Set(report.Written, growth(float64(w.Stored()), float64(after.Written-before.Written)))
	_, err = usage(t, run)
	return err
}

// drive runs all kinds side by side.
func (k *Kube) drive(ctx context.Context, kinds []workload.Kind) []driver.Result {
	results := make([]driver.Result, len(kinds))
	var wg sync.WaitGroup
	for i, kind := range kinds {
		wg.Go(func() {
			results[i] = driver.Run(ctx, kind.Clients, driver.Load{Duration: k.Duration, Rate: kind.Rate})
		})
	}
	wg.Wait()
	return results
}
