package turn

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/measure"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// Turn is what every target of a row does on a fresh cluster.
type Turn interface {
	// Begin takes the seed and refuses what cannot be run, before any cluster starts.
	Begin(seed uint64) error
	// About describes the turn for the report and for the servers.
	About() About
	// Run does it and fills in what it measured.
	Run(ctx context.Context, t *target.Target, run *report.Run) error
}

// Calibrated is a Turn that must know how fast the base is before anybody's turn.
type Calibrated interface {
	Turn
	Calibrate(ctx context.Context, base *target.Target) error
}

// About describes a turn.
type About struct {
	Unit       string // what CPU is counted per
	Parameters map[string]string
	Flags      []string // for every server, beside the usual
}

// Phases of a turn number their operations apart, so that no two write the same value.
const (
	phase        = 1 << 40
	firstPhase   = 1 * phase
	secondPhase  = 2 * phase
	loadedPhases = 4 * phase
)

// bigQuota leaves room for stores larger than etcd's default quota of 2 GiB.
const bigQuota = "--quota-backend-bytes=17179869184"

// Clients are the connections of a load and who shares them.
type Clients struct {
	Conns      int
	Clients    int
	LeaderOnly bool // connect to the leader only, not to all members in turn
}

// validate refuses what cannot be.
func (c Clients) validate() error {
	if c.Conns < 1 || c.Clients < c.Conns {
		return fmt.Errorf("%w: %d clients on %d connections: a connection needs a client", ErrSettings, c.Clients, c.Conns)
	}
	return nil
}

// parameters are the settings as the report shows them.
func (c Clients) parameters(d workload.Data, more map[string]string) map[string]string {
	p := map[string]string{
		"conns":   fmt.Sprint(c.Conns),
		"clients": fmt.Sprint(c.Clients),
		"keys":    fmt.Sprint(d.Keys.Space),
		"value":   fmt.Sprintf("%dB %s", d.Values.Size, d.Values.Kind),
		"to":      "all members",
	}
	if c.LeaderOnly {
		p["to"] = "leader"
	}
	maps.Copy(p, more)
	return p
}

// opened is a workload with its clients on a target.
type opened struct {
	workload workload.Workload
	clients  []driver.Client
	conns    target.Conns
	cancel   context.CancelFunc
}

// open dials, prepares the workload and makes its clients. What is opened lasts until close, within ctx.
func (c Clients) open(ctx context.Context, t *target.Target, w workload.Workload) (*opened, error) {
	conns, err := t.Dial(ctx, c.Conns, c.LeaderOnly)
	if err != nil {
		return nil, err
	}
	// Streams that the clients open end before the connections do.
	ctx, cancel := context.WithCancel(ctx)
	o := &opened{workload: w, conns: conns, cancel: cancel}
	if err := w.Prepare(ctx, conns.Interfaces()); err != nil {
		o.close()
		return nil, err
	}
	if o.clients, err = w.Clients(ctx, conns.Interfaces(), c.Clients); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// close ends what open began.
func (o *opened) close() {
	o.cancel()
	o.conns.Close()
}

// while applies the load as long as do takes, and at least for a moment that says something about latency.
func while(ctx context.Context, clients []driver.Client, load driver.Load, do func(context.Context) error) (driver.Result, error) {
	stop := make(chan struct{})
	load.Stop = stop
	failed := make(chan error, 1)
	go func() {
		defer close(stop)
		moment := time.NewTimer(leastWhile)
		defer moment.Stop()
		failed <- do(ctx)
		select {
		case <-moment.C:
		case <-ctx.Done():
		}
	}()
	res := driver.Run(ctx, clients, load)
	if err := <-failed; err != nil {
		return res, err
	}
	return res, ctx.Err()
}

// leastWhile is the shortest time for which latencies beside something are measured.
const leastWhile = time.Second

// growth is how many times as large the second number is as the first; 0 when the first is not known.
func growth[N time.Duration | float64](before, during N) float64 {
	if before == 0 {
		return 0
	}
	return float64(during) / float64(before)
}

// usage keeps what the servers took at the end of a turn.
func usage(t *target.Target, run *report.Run) (measure.Process, error) {
	use, err := t.Usage()
	if err != nil {
		return use, err
	}
	run.Set(report.RSS, float64(use.RSS))
	run.Set(report.RSSPeak, float64(use.RSSPeak))
	disk, err := t.DiskBytes()
	if err != nil {
		return use, err
	}
	run.Set(report.Disk, float64(disk))
	parts, err := t.DiskFiles(0)
	run.Parts = report.Parts(parts)
	return use, err
}
