package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

const (
	// readyTimeout bounds the restart with a large store; a real etcd reads all of it.
	readyTimeout = 10 * time.Minute
	// bigQuota leaves room for stores larger than etcd's default quota of 2 GiB.
	bigQuota = "--quota-backend-bytes=17179869184"
	// bigRepeats is how often each check is asked.
	bigRepeats = 20
)

// bigstore is a run with a store that is large against the caches.
type bigstore struct {
	settings
	load
	restart bool
	limit   int64
}

// newBigstore has the defaults of a million pods.
func newBigstore() *bigstore {
	b := &bigstore{settings: defaultSettings(), load: defaultLoad(), limit: 500}
	b.load.leaderOnly = true
	b.data = workload.Data{
		Keys:   workload.Keys{Size: 8, Space: 1_000_000, Sequential: true},
		Values: workload.Values{Size: 1024, Kind: workload.Pod},
	}
	return b
}

// command adds the flags of both commands that fill a store.
func (b *bigstore) command(use, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return b.run(cmd) },
	}
	f := cmd.Flags()
	b.settings.register(f)
	f.IntVar(&b.conns, "conns", b.conns, "gRPC connections")
	f.IntVar(&b.clients, "clients", b.clients, "clients sharing the connections while loading")
	f.Int64Var(&b.limit, "limit", b.limit, "keys in a page")
	b.registerData(f)
	return cmd
}

func loadCommand() *cobra.Command {
	b := newBigstore()
	return b.command("load", "Loads every key once, changes a few, and checks counts and pages")
}

func bigstoreCommand() *cobra.Command {
	b := newBigstore()
	b.restart = true
	return b.command("bigstore", "As load with a restart before the checks: time to ready, memory, counts of a large store")
}

// run fills and checks one target after the other.
func (b *bigstore) run(cmd *cobra.Command) error {
	if err := b.data.Validate(); err != nil {
		return err
	}
	b.flags = append([]string{bigQuota}, b.flags...)
	specs, rep, cleanup, err := b.prepare(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer cleanup()
	b.data.Keys.Seed, b.data.Values.Seed = b.seed, b.seed
	for range b.pairs {
		for _, spec := range specs {
			st, err := b.one(cmd.Context(), spec, cmd.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("%s, %s: %w", cmd.Name(), spec.Name, err)
			}
			rep.Stores = append(rep.Stores, st)
		}
	}
	return b.finish(rep, cmd.OutOrStdout())
}

// one fills one target, restarts it and checks what it answers.
func (b *bigstore) one(ctx context.Context, spec target.Spec, log io.Writer) (st report.Store, err error) {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	t, err := target.Start(starting, spec, target.Options{Members: b.members, Dir: b.dir, Flags: b.flags, Keep: b.keep})
	if err != nil {
		return st, err
	}
	defer func() {
		if closed := t.Close(); err == nil {
			err = closed
		}
	}()
	st = report.Store{Target: spec.Name, Members: b.members, Keys: int64(b.data.Keys.Space)}
	if st.Version, err = t.Version(starting); err != nil {
		return st, err
	}
	fmt.Fprintf(log, "%s: loading %d keys\n", spec.Name, b.data.Keys.Space)
	history, err := b.fill(ctx, t, &st)
	if err != nil {
		return st, err
	}
	if b.restart {
		fmt.Fprintf(log, "%s: loaded in %v; restarting\n", spec.Name, st.LoadElapsed.Round(time.Millisecond))
		if err := b.again(ctx, t, &st); err != nil {
			return st, err
		}
	}
	if st.Checks, err = b.check(ctx, t, history); err != nil {
		return st, err
	}
	use, err := t.Usage()
	st.RSSAfterChecks = use.RSS
	return st, err
}

// fill puts every key once, then changes some.
func (b *bigstore) fill(ctx context.Context, t *target.Target, st *report.Store) (workload.History, error) {
	conns, err := t.Dial(ctx, b.conns, b.leaderOnly)
	if err != nil {
		return workload.History{}, err
	}
	defer conns.Close()
	puts := &workload.Put{Data: b.data}
	clients, err := puts.Clients(ctx, conns.Interfaces(), b.clients)
	if err != nil {
		return workload.History{}, err
	}
	before, err := t.Usage()
	if err != nil {
		return workload.History{}, err
	}
	res := driver.Run(ctx, clients, driver.Load{Ops: b.data.Keys.Space})
	if err := ctx.Err(); err != nil {
		return workload.History{}, err
	}
	if len(res.Errors) > 0 {
		return workload.History{}, fmt.Errorf("load: %v", res.Errors)
	}
	after, err := t.Usage()
	if err != nil {
		return workload.History{}, err
	}
	st.LoadElapsed = res.Elapsed
	st.LoadCPU = (after.CPU - before.CPU) / time.Duration(res.Done)
	st.RSSAfterLoad = after.RSS
	if st.DiskAfterLoad, err = t.DiskBytes(); err != nil {
		return workload.History{}, err
	}
	return workload.Change(ctx, conns[0], b.data)
}

// again restarts the target and reads what a fresh process takes.
func (b *bigstore) again(ctx context.Context, t *target.Target, st *report.Store) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var err error
	if st.Ready, err = t.Restart(ctx); err != nil {
		return err
	}
	use, err := t.Usage()
	if err != nil {
		return err
	}
	st.RSSFresh = use.RSS
	if st.DiskFresh, err = t.DiskBytes(); err != nil {
		return err
	}
	parts, err := t.DiskFiles(0)
	st.DiskPerPart = report.Parts(parts)
	return err
}

// check asks every question bigRepeats times.
func (b *bigstore) check(ctx context.Context, t *target.Target, h workload.History) ([]report.Check, error) {
	conns, err := t.Dial(ctx, 1, b.leaderOnly)
	if err != nil {
		return nil, err
	}
	defer conns.Close()
	var checks []report.Check
	for _, q := range h.Questions(b.limit) {
		c, err := q.Ask(ctx, conns[0], bigRepeats)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		checks = append(checks, report.Check{Name: q.Name, First: c.First, Rest: c.Rest, Wrong: c.Wrong, Answer: c.Count})
	}
	return checks, nil
}
