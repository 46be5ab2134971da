package turn

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/measure"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// Load applies one workload for a while.
type Load struct {
	Unit     string // what CPU is counted per
	Make     func(workload.Data) workload.Workload
	Data     workload.Data
	Clients  Clients
	Ops      uint64
	Duration time.Duration
	Warmup   time.Duration
	Rate     float64  // operations per second of an open loop; 0 = closed loop
	Flags    []string // for every server
}

// Begin implements Turn.
func (l *Load) Begin(seed uint64) error {
	l.Data.Keys.Seed, l.Data.Values.Seed = seed, seed
	if err := l.Clients.validate(); err != nil {
		return err
	}
	if l.Ops == 0 && l.Duration == 0 {
		return fmt.Errorf("%w: neither a number of operations nor a duration says when to end", ErrSettings)
	}
	return l.Data.Validate()
}

// About implements Turn.
func (l *Load) About() About {
	p := l.Clients.parameters(l.Data, nil)
	if l.Rate > 0 {
		p["rate"] = fmt.Sprintf("%.0f/s", l.Rate)
	}
	return About{Unit: l.Unit, Parameters: p, Flags: l.Flags}
}

// Run implements Turn.
func (l *Load) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	o, err := l.Clients.open(ctx, t, l.Make(l.Data))
	if err != nil {
		return err
	}
	defer o.close()
	if l.Warmup > 0 {
		warm := driver.Run(ctx, o.clients, driver.Load{Duration: l.Warmup, Rate: l.Rate})
		run.Wrong(warm.Errors)
	}
	if _, err := measured(ctx, t, o, driver.Load{First: firstPhase, Ops: l.Ops, Duration: l.Duration, Rate: l.Rate}, run); err != nil {
		return err
	}
	_, err = usage(t, run)
	return err
}

// measured applies the load between two readings of the counters.
func measured(ctx context.Context, t *target.Target, o *opened, load driver.Load, run *report.Run) (driver.Result, error) {
	server, err := t.Usage()
	if err != nil {
		return driver.Result{}, err
	}
	loader, err := measure.ReadProcess(os.Getpid())
	if err != nil {
		return driver.Result{}, err
	}
	res := driver.Run(ctx, o.clients, load)
	if err := ctx.Err(); err != nil {
		return res, err
	}
	serverAfter, err := t.Usage()
	if err != nil {
		return res, err
	}
	loaderAfter, err := measure.ReadProcess(os.Getpid())
	if err != nil {
		return res, err
	}

	run.SetLatency(res.Latencies, res.Seconds)
	run.Wrong(res.Errors)
	perSecond := float64(res.Done) / res.Elapsed.Seconds()
	run.Set(report.PerSecond, perSecond)
	units := float64(res.Done)
	if w, ok := o.workload.(workload.Watching); ok {
		units *= float64(w.Units())
		run.Set(report.Events, perSecond*float64(w.Units()))
		for _, name := range sortedKeys(w.Details()) {
			run.AddLatency(name, w.Details()[name], nil)
		}
		if n := w.Surplus(); n > 0 {
			run.Wrong(map[string]int64{"events that nobody waited for": n})
		}
	}
	if units > 0 {
		run.Set(report.CPU, (serverAfter.CPU-server.CPU).Seconds()/units)
		run.Set(report.LoaderCPU, (loaderAfter.CPU-loader.CPU).Seconds()/units)
	}
	if w, ok := o.workload.(workload.Storing); ok && res.Done > 0 {
		run.Set(report.Written, float64(serverAfter.Written-server.Written)/(float64(res.Done)*float64(w.Stored())))
	}
	return res, nil
}

// AtShare is a load as an open loop, at a share of the rate that the base reaches at most.
type AtShare struct {
	*Load
	Share float64
}

// Calibrate implements Calibrated: the base's closed loop says what everybody's rate is.
func (s *AtShare) Calibrate(ctx context.Context, base *target.Target) error {
	closed := *s.Load
	closed.Rate = 0
	var run report.Run
	if err := closed.Run(ctx, base, &run); err != nil {
		return err
	}
	s.Load.Rate = s.Share * run.Figures[report.PerSecond]
	if s.Load.Rate <= 0 {
		return fmt.Errorf("%w: the base did not one operation: %v", ErrResult, run.Errors)
	}
	return nil
}
