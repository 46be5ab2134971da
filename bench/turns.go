package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/turn"
)

// startTimeout bounds the start of a fresh cluster.
const startTimeout = time.Minute

// run gives every target its turn at every row and reports them together.
func (s *settings) run(ctx context.Context, rows []row, out, log io.Writer) error {
	if err := s.begin(rows); err != nil {
		return err
	}
	specs, rep, cleanup, err := s.prepare(ctx, log)
	if err != nil {
		return err
	}
	defer cleanup()
	for _, r := range rows {
		got, err := s.runRow(ctx, specs, r, log)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", r.title(), err), rep.WriteTable(out))
		}
		rep.Rows = append(rep.Rows, got)
		// What is measured so far outlives the end of patience in a later row.
		if err := s.write(rep); err != nil {
			return err
		}
	}
	return rep.WriteTable(out)
}

// runRow gives every target its turn, pairs times over, each on a fresh cluster.
func (s *settings) runRow(ctx context.Context, specs []target.Spec, r row, log io.Writer) (report.Row, error) {
	got := report.Row{Name: r.name, Members: r.members, Goals: r.goals}
	if c, ok := r.turn.(turn.Calibrated); ok {
		base := specs[min(1, len(specs)-1)]
		if err := s.onFresh(ctx, base, r, log, c.Calibrate); err != nil {
			failed := report.Run{Target: base.Name}
			failed.Fail(fmt.Errorf("calibrate: %w", err))
			got.Runs = append(got.Runs, failed)
			fmt.Fprintf(log, "%s, %s: %s\n", r.title(), base.Name, failed.Summary())
			return got, ctx.Err()
		}
	}
	about := r.turn.About()
	got.Unit, got.Parameters = about.Unit, about.Parameters
	pairs := r.turns(s.pairs)
	for pair := range pairs {
		for _, spec := range specs {
			run := report.Run{Target: spec.Name, Pair: pair}
			err := s.onFresh(ctx, spec, r, log, func(ctx context.Context, t *target.Target) (err error) {
				if run.Version, err = t.Version(ctx); err != nil {
					return err
				}
				return r.turn.Run(ctx, t, &run)
			})
			if ctx.Err() != nil {
				return got, ctx.Err()
			}
			if err != nil {
				// One target's fault is a finding about it, and no reason to learn nothing of the others.
				run.Fail(err)
			}
			got.Runs = append(got.Runs, run)
			fmt.Fprintf(log, "%s, turn %d/%d, %s: %s\n", r.title(), pair+1, pairs, spec.Name, run.Summary())
		}
	}
	return got, nil
}

// doing is what happens on a cluster.
type doing = func(context.Context, *target.Target) error

// onFresh starts a cluster for one turn and ends it.
func (s *settings) onFresh(ctx context.Context, spec target.Spec, r row, log io.Writer, do doing) (err error) {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	t, err := target.Start(starting, spec, target.Options{
		Members: r.members, Dir: s.dir, Flags: append(r.turn.About().Flags, s.flags...), Keep: s.keep,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if s.keep && t.Local() {
		fmt.Fprintf(log, "%s keeps its data in %s\n", spec.Name, t.Dir())
	}
	return do(ctx, t)
}
