package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/measure"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

const (
	// startTimeout bounds the start of a fresh cluster.
	startTimeout = time.Minute
	// measuredFrom numbers the first measured operation, far from those of the warm-up.
	measuredFrom = 1 << 40
)

// benchmark is a case to run: what, how much, on how many members.
type benchmark struct {
	name     string
	unit     string // what CPU is counted per
	members  int
	load     load
	workload func(workload.Data) workload.Workload
	flags    []string // for every server
}

// runCase gives every target its turn, pairs times over, each on a fresh cluster.
func (s *settings) runCase(ctx context.Context, specs []target.Spec, b benchmark, log io.Writer) (report.Case, error) {
	b.load.data.Keys.Seed, b.load.data.Values.Seed = s.seed, s.seed
	if err := b.load.validate(); err != nil {
		return report.Case{}, err
	}
	c := report.Case{Name: b.name, Members: b.members, Unit: b.unit, Parameters: b.load.parameters()}
	for pair := range s.pairs {
		for _, spec := range specs {
			run, err := s.turn(ctx, spec, b)
			if err != nil {
				return c, fmt.Errorf("%s, %s: %w", b.name, spec.Name, err)
			}
			run.Pair = pair
			c.Runs = append(c.Runs, run)
			fmt.Fprintf(log, "%s  %d members  turn %d/%d  %-8s %8.0f/s  p50 %-9v p99 %-9v cpu %v  (loader %v)\n", b.name, b.members,
				pair+1, s.pairs, spec.Name, run.PerSecond, run.Latency.P50, run.Latency.P99, run.CPUPerUnit, run.CPULoader)
			for text, n := range run.Errors {
				fmt.Fprintf(log, "  %d errors: %s\n", n, text)
			}
		}
	}
	return c, nil
}

// turn measures one target once.
func (s *settings) turn(ctx context.Context, spec target.Spec, b benchmark) (run report.Run, err error) {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	t, err := target.Start(starting, spec, target.Options{Members: b.members, Dir: s.dir, Flags: slices.Concat(b.flags, s.flags), Keep: s.keep})
	if err != nil {
		return run, err
	}
	defer func() {
		if closed := t.Close(); err == nil {
			err = closed
		}
	}()
	if run.Version, err = t.Version(starting); err != nil {
		return run, err
	}
	run.Target = spec.Name

	conns, err := t.Dial(starting, b.load.conns, b.load.leaderOnly)
	if err != nil {
		return run, err
	}
	defer conns.Close()
	// Streams that the clients open end here, before the connections do.
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	w := b.workload(b.load.data)
	if err := w.Prepare(ctx, conns.Interfaces()); err != nil {
		return run, err
	}
	clients, err := w.Clients(ctx, conns.Interfaces(), b.load.clients)
	if err != nil {
		return run, err
	}
	if b.load.warmup > 0 {
		driver.Run(ctx, clients, driver.Load{Duration: b.load.warmup, Rate: b.load.rate})
	}
	return s.measured(ctx, t, w, clients, b.load, run)
}

// measured applies the load between two readings of the counters.
func (s *settings) measured(ctx context.Context, t *target.Target, w workload.Workload, clients []driver.Client, l load, run report.Run) (report.Run, error) {
	server, err := t.Usage()
	if err != nil {
		return run, err
	}
	loader, err := measure.ReadProcess(os.Getpid())
	if err != nil {
		return run, err
	}
	res := driver.Run(ctx, clients, driver.Load{First: measuredFrom, Ops: l.ops, Duration: l.duration, Rate: l.rate})
	if err := ctx.Err(); err != nil {
		return run, err
	}
	serverAfter, err := t.Usage()
	if err != nil {
		return run, err
	}
	loaderAfter, err := measure.ReadProcess(os.Getpid())
	if err != nil {
		return run, err
	}

	units := res.Done
	if d, ok := w.(workload.Detailed); ok {
		run.Details = d.Details()
		units *= uint64(d.Units())
	}
	if units > 0 {
		run.CPUPerUnit = (serverAfter.CPU - server.CPU) / time.Duration(units)
		run.CPULoader = (loaderAfter.CPU - loader.CPU) / time.Duration(units)
	}
	run.Elapsed = res.Elapsed
	run.Operations = res.Done
	run.PerSecond = float64(res.Done) / res.Elapsed.Seconds()
	run.Latency = res.Latencies
	run.Errors = res.Errors
	run.RSSBytes, run.RSSPeak = serverAfter.RSS, serverAfter.RSSPeak
	if run.DiskBytes, err = t.DiskBytes(); err != nil {
		return run, err
	}
	parts, err := t.DiskFiles(0)
	run.DiskPerPart = report.Parts(parts)
	return run, err
}
