package simulation

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Outcome is what became of a run.
type Outcome struct {
	Trace uint64 // the same for all runs of one plan
	Stats Stats

	err    error
	record record
}

// Err is why the run failed, nil if it did not.
func (o *Outcome) Err() error {
	if o.err == nil {
		if err := o.record.check(); err != nil {
			o.err = fmt.Errorf("%w: %w", ErrViolated, err)
		}
	}
	return o.err
}

// Run does what a plan says to a new cluster, and records what becomes of it. It must be called in a bubble of testing/synctest.
func Run(p Plan, h Hooks) Outcome {
	w := newWorld(p, h)
	for _, m := range w.members {
		m.start()
	}
	for _, f := range p.Faults {
		w.at(f.At, func() { w.begin(f) })
	}
	for _, d := range p.Demands {
		w.at(d.At, func() { w.clients.ask(d) })
	}
	w.at(p.Shape.SaveAt, w.save)
	w.run(p.Shape.Length, nil)
	var r record
	if w.checks.ok() {
		w.heal()
		w.checks.calm()
	}
	if w.checks.ok() {
		r = w.checks.record()
		w.restore()
		r.saved = w.saved
	}
	w.stats.Time = w.now()
	for _, m := range w.members {
		m.stop()
	}
	time.Sleep(clientMax) // the clients of a run that failed early end as well
	return Outcome{Trace: w.trace.sum, Stats: w.stats, err: w.checks.err(), record: r}
}

// probe writes what no check looks at.
func (c *clients) probe(ctx context.Context, m *member) error {
	_, err := propose[*pb.LeaseGrantResponse](ctx, m, Demand{}, &pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{ID: 1 << 40, TTL: 5}})
	if err != nil {
		_, err = propose[*pb.LeaseRevokeResponse](ctx, m, Demand{}, &pb.InternalRaftRequest{LeaseRevoke: &pb.LeaseRevokeRequest{ID: 1 << 40}})
	}
	return err
}
