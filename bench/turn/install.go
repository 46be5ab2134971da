package turn

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// installBatch makes so small transactions of what a member misses that no log keeps all of them: it needs a snapshot.
const installBatch = 20

// Install stops a member, writes, starts it again and waits until it has everything, while clients put at a steady rate.
type Install struct {
	Data     workload.Data
	Clients  Clients
	Behind   int64 // bytes that the member misses
	Rate     float64
	Duration time.Duration // of the load before
}

// Begin implements Turn.
func (i *Install) Begin(seed uint64) error {
	i.Data.Keys.Seed, i.Data.Values.Seed = seed, seed
	if i.Behind < 1 || i.Rate <= 0 || i.Duration == 0 {
		return fmt.Errorf("%w: nothing to install, no rate or no time to compare with", ErrSettings)
	}
	i.Data.Keys.Space = max(1, uint64(i.Behind)/uint64(i.Data.PairSize()))
	return errors.Join(i.Clients.validate(), i.Data.Validate())
}

// About implements Turn.
func (i *Install) About() About {
	p := i.Clients.parameters(i.Data, map[string]string{"behind": mebibytes(i.Behind), "rate": fmt.Sprintf("%.0f/s", i.Rate)})
	return About{Unit: "put", Parameters: p, Flags: []string{bigQuota}}
}

// Run implements Turn.
func (i *Install) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	member, err := t.Follower(ctx)
	if err != nil {
		return err
	}
	o, err := i.Clients.open(ctx, t, &workload.Put{Data: i.Data})
	if err != nil {
		return err
	}
	defer o.close()
	before := driver.Run(ctx, o.clients, driver.Load{First: firstPhase, Duration: i.Duration, Rate: i.Rate})
	if err := t.StopMember(member); err != nil {
		return err
	}
	if err := i.Data.Batches(ctx, o.conns.Interfaces(), installBatch, 0, i.Data.Keys.Space); err != nil {
		return err
	}
	missed, err := o.conns.Revision(ctx)
	if err != nil {
		return err
	}
	var took time.Duration
	during, err := while(ctx, o.clients, driver.Load{First: secondPhase, Rate: i.Rate}, func(ctx context.Context) error {
		began := time.Now()
		if err := t.StartMember(member); err != nil {
			return err
		}
		err := reach(ctx, t.Endpoints[member], missed)
		took = time.Since(began)
		return err
	})
	if err != nil {
		return err
	}
	run.Wrong(before.Errors)
	run.Wrong(during.Errors)
	run.SetLatency(during.Latencies, during.Seconds)
	run.AddLatency("before", before.Latencies, before.Seconds)
	run.SetTime(report.P99Before, before.Latencies.P99)
	run.Set(report.P99Growth, growth(before.Latencies.P99, during.Latencies.P99))
	run.SetTime(report.Install, took)
	if _, err := usage(t, run); err != nil {
		return err
	}
	return sameHash(ctx, t)
}

const (
	// pollEvery is how often something is asked for that has no event.
	pollEvery = 10 * time.Millisecond
	// settleTimeout bounds how long members take to have the same.
	settleTimeout = 10 * time.Minute
)

// reach waits until one member itself has the revision.
func reach(ctx context.Context, endpoint string, revision int64) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	conn, err := target.Dial(endpoint)
	if err != nil {
		return err
	}
	defer target.Conns{conn}.Close()
	last := fmt.Errorf("%w: nothing yet", ErrResult)
	for ctx.Err() == nil {
		resp, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte{0}, Serializable: true})
		if err == nil && resp.Header.GetRevision() >= revision {
			return nil
		}
		if err != nil {
			conn.ResetConnectBackoff() // it refuses connections until it serves
			last = err
		}
		pause(ctx, pollEvery)
	}
	return fmt.Errorf("turn: %s does not reach revision %d: %w", endpoint, revision, last)
}

// pause waits for a time or the end.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sameHash compares what all members hold at one revision.
func sameHash(ctx context.Context, t *target.Target) error {
	st, err := target.Status(ctx, t.Endpoints[0])
	if err != nil {
		return err
	}
	revision := st.Header.GetRevision()
	var want uint32
	for i, ep := range t.Endpoints {
		if err := reach(ctx, ep, revision); err != nil {
			return err
		}
		got, err := keysHash(ctx, ep, revision)
		if err != nil {
			return err
		}
		if i > 0 && got != want {
			return fmt.Errorf("%w: the members' hashes at revision %d differ", ErrResult, revision)
		}
		want = got
	}
	return nil
}

// keysHash is one member's of its keys.
func keysHash(ctx context.Context, endpoint string, revision int64) (uint32, error) {
	conn, err := target.Dial(endpoint)
	if err != nil {
		return 0, err
	}
	defer target.Conns{conn}.Close()
	resp, err := pb.NewMaintenanceClient(conn).HashKV(ctx, &pb.HashKVRequest{Revision: revision})
	if err != nil {
		return 0, fmt.Errorf("turn: hash of %s: %w", endpoint, err)
	}
	return resp.Hash, nil
}
