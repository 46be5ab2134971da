package turn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// Compaction removes old versions of keys while clients put.
type Compaction struct {
	Data     workload.Data
	Clients  Clients
	Old      uint64        // versions to remove
	Duration time.Duration // of the load before
	Warmup   time.Duration
}

// Begin implements Turn.
func (c *Compaction) Begin(seed uint64) error {
	c.Data.Keys.Seed, c.Data.Values.Seed = seed, seed
	if c.Old == 0 || c.Duration == 0 {
		return fmt.Errorf("%w: nothing to compact, or no time to compare with", ErrSettings)
	}
	return errors.Join(c.Clients.validate(), c.Data.Validate())
}

// About implements Turn.
func (c *Compaction) About() About {
	p := c.Clients.parameters(c.Data, map[string]string{"old versions": fmt.Sprint(c.Old)})
	return About{Unit: "put", Parameters: p, Flags: []string{bigQuota}}
}

// Run implements Turn.
func (c *Compaction) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	o, err := c.Clients.open(ctx, t, &workload.Put{Data: c.Data})
	if err != nil {
		return err
	}
	defer o.close()
	conns := o.conns.Interfaces()
	if err := c.Data.Batches(ctx, conns, historyBatch, 0, c.Data.Keys.Space+c.Old); err != nil {
		return err
	}
	if c.Warmup > 0 {
		run.Wrong(driver.Run(ctx, o.clients, driver.Load{First: loadedPhases, Duration: c.Warmup}).Errors)
	}
	before := driver.Run(ctx, o.clients, driver.Load{First: firstPhase, Duration: c.Duration})
	revision, err := o.conns.Revision(ctx)
	if err != nil {
		return err
	}
	kv := pb.NewKVClient(conns[0])
	var took time.Duration
	during, err := while(ctx, o.clients, driver.Load{First: secondPhase}, func(ctx context.Context) error {
		began := time.Now()
		_, err := kv.Compact(ctx, &pb.CompactionRequest{Revision: revision, Physical: true})
		took = time.Since(began)
		return err
	})
	if err != nil {
		return fmt.Errorf("turn: compact: %w", err)
	}
	_, err = kv.Range(ctx, &pb.RangeRequest{Key: c.Data.Keys.New(0), Revision: revision - 1})
	if !errors.Is(rpctypes.Error(err), rpctypes.ErrCompacted) {
		return errors.Join(fmt.Errorf("%w: a read below the compacted revision is not refused as such", ErrResult), err)
	}

	run.Wrong(before.Errors)
	run.Wrong(during.Errors)
	perSecond := func(r driver.Result) float64 { return float64(r.Done) / r.Elapsed.Seconds() }
	run.Set(report.PerSecond, perSecond(during))
	run.Set(report.Kept, growth(perSecond(before), perSecond(during)))
	run.SetLatency(during.Latencies, during.Seconds)
	run.AddLatency("before", before.Latencies, before.Seconds)
	run.SetTime(report.P99Before, before.Latencies.P99)
	run.Set(report.P99Growth, growth(before.Latencies.P99, during.Latencies.P99))
	run.SetTime(report.Compact, took)
	_, err = usage(t, run)
	return err
}

// historyBatch is how many versions of keys one transaction makes where only their number counts.
const historyBatch = 100
