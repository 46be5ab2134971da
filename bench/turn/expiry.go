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

const (
	// expirySample is how many leases are granted first, to learn how long all will take.
	expirySample = 500
	// expiryFactor is how many times as long that may take as the sample says.
	expiryFactor = 2
	// expiryTimeout is how long the keys may take to go.
	expiryTimeout = 10 * time.Minute
)

// Expiry lets many leases with a key each end in the same second, while clients put other keys at a steady rate.
type Expiry struct {
	Data    workload.Data
	Clients Clients
	Leases  uint64
	Slack   time.Duration // between the last grant and the end, at least
	Rate    float64
}

// Begin implements Turn.
func (e *Expiry) Begin(seed uint64) error {
	e.Data.Keys.Seed, e.Data.Values.Seed = seed, seed
	if e.Leases == 0 || e.Rate <= 0 {
		return fmt.Errorf("%w: no leases or no rate", ErrSettings)
	}
	return errors.Join(e.Clients.validate(), e.Data.Validate())
}

// About implements Turn.
func (e *Expiry) About() About {
	p := e.Clients.parameters(e.Data, map[string]string{"leases": fmt.Sprint(e.Leases), "rate": fmt.Sprintf("%.0f/s", e.Rate)})
	return About{Unit: "put", Parameters: p}
}

// Run implements Turn.
func (e *Expiry) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	o, err := e.Clients.open(ctx, t, &workload.Put{Data: e.Data})
	if err != nil {
		return err
	}
	defer o.close()
	conns := o.conns.Interfaces()
	leases := workload.Leases{Data: e.Data}
	end, err := e.grant(ctx, conns, &leases)
	if err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	gone, err := leases.Deletions(watching, conns[0], e.Leases)
	if err != nil {
		return err
	}
	// Before the end there may be more time than a comparison needs, but there must be some.
	quiet := time.Until(end) - time.Second
	if quiet <= 0 {
		return fmt.Errorf("%w: granting %d leases took longer than was left of their time", ErrResult, e.Leases)
	}
	before := driver.Run(ctx, o.clients, driver.Load{First: firstPhase, Duration: quiet, Rate: e.Rate})
	var took time.Duration
	during, err := while(ctx, o.clients, driver.Load{First: secondPhase, Rate: e.Rate}, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, expiryTimeout)
		defer cancel()
		select {
		case err := <-gone:
			took = time.Since(end)
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w: keys of ended leases are there after %v", ErrResult, expiryTimeout)
		}
	})
	if err != nil {
		return err
	}
	left, err := leases.Left(ctx, conns[0])
	if err != nil {
		return err
	}
	if left != 0 {
		return fmt.Errorf("%w: %d keys of ended leases are left", ErrResult, left)
	}
	run.Wrong(before.Errors)
	run.Wrong(during.Errors)
	run.SetLatency(during.Latencies, during.Seconds)
	run.AddLatency("before", before.Latencies, before.Seconds)
	run.SetTime(report.P99Before, before.Latencies.P99)
	run.SetTime(report.Gone, max(took, time.Microsecond))
	_, err = usage(t, run)
	return err
}

// grant makes the leases and puts a key to each; it returns when they end. Leases count in whole seconds, so that each one's time is
// what was left to the common end when it was asked for, rounded.
func (e *Expiry) grant(ctx context.Context, conns []workload.Conn, leases *workload.Leases) (time.Time, error) {
	began := time.Now()
	if err := leases.Grant(ctx, conns, e.Clients.Clients, 0, expirySample, began.Add(time.Hour)); err != nil {
		return time.Time{}, err
	}
	each := time.Since(began) / expirySample
	end := time.Now().Add(expiryFactor*each*time.Duration(e.Leases) + e.Slack)
	return end, leases.Grant(ctx, conns, e.Clients.Clients, expirySample, e.Leases, end)
}
