package turn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// Aged puts into an empty store, fills and ages it, and puts again.
type Aged struct {
	Age
	Clients  Clients
	Duration time.Duration // of each of the two loads
	Warmup   time.Duration
}

// Begin implements Turn.
func (a *Aged) Begin(seed uint64) error {
	if a.Duration == 0 {
		return fmt.Errorf("%w: no time to measure", ErrSettings)
	}
	return errors.Join(a.Clients.validate(), a.Age.Begin(seed))
}

// About implements Turn.
func (a *Aged) About() About {
	p := a.Clients.parameters(a.Data, map[string]string{"live": mebibytes(a.Live), "history": mebibytes(a.History)})
	return About{Unit: "put", Parameters: p, Flags: []string{anyQuota}}
}

// Run implements Turn.
func (a *Aged) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	o, err := a.Clients.open(ctx, t, &workload.Put{Data: a.Data})
	if err != nil {
		return err
	}
	defer o.close()
	empty := &report.Run{}
	before, err := a.puts(ctx, t, o, firstPhase, empty)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := a.Fill(ctx, o.conns.Interfaces()); err != nil {
		return err
	}
	run.SetTime(report.Load, time.Since(began))
	after, err := a.puts(ctx, t, o, secondPhase, run)
	if err != nil {
		return err
	}
	run.Wrong(empty.Errors)
	run.AddLatency("before, empty", before.Latencies, before.Seconds)
	run.SetTime(report.P99Before, before.Latencies.P99)
	run.Set(report.P99Growth, growth(before.Latencies.P99, after.Latencies.P99))
	run.Set(report.CPUGrowth, growth(empty.Figures[report.CPU], run.Figures[report.CPU]))
	_, err = usage(t, run)
	return err
}

// puts warms up and measures.
func (a *Aged) puts(ctx context.Context, t *target.Target, o *opened, first uint64, run *report.Run) (driver.Result, error) {
	if a.Warmup > 0 {
		run.Wrong(driver.Run(ctx, o.clients, driver.Load{First: loadedPhases + first, Duration: a.Warmup}).Errors)
	}
	return measured(ctx, t, o, driver.Load{First: first, Duration: a.Duration}, run)
}
