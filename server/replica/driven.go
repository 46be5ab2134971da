package replica

import (
	"context"

	"github.com/petcd/petcd/raft"
)

// Driven runs a replica without goroutines of its own: who drives it decides what happens next (raft.Driven). Of what Run
// does beside the node it does what a simulation needs: it publishes the member, heeds damage, gets a lost vote back, and shortens the
// log when it is told to.
// What waits for answers (Propose, ReadBarrier, ...) waits in its callers' goroutines, as ever.
type Driven struct {
	*raft.Driven
	r *Replica
}

// Drive begins to run the replica. Call it in place of Run, and Stop before Close.
func (r *Replica) Drive() (*Driven, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.mu.Lock()
	r.ctx, r.cancel = ctx, cancel
	r.mu.Unlock()
	r.connect(nil)
	node, err := r.node.Drive()
	r.spawn(r.endWaits)
	r.spawn(r.publish)
	r.spawn(r.watchDamage)
	if r.regain {
		r.spawn(r.regainVote)
	}
	return &Driven{Driven: node, r: r}, err
}

// Err is why the replica has to stop, nil while it need not.
func (d *Driven) Err() error { return context.Cause(d.r.ctx) }

// LogIsLong tells that the log may be shortened.
func (d *Driven) LogIsLong() bool { return len(d.r.keeper.wake) > 0 }

// ShortenLog lets entries go that are not needed any more, when the log is long.
func (d *Driven) ShortenLog() error {
	select {
	case <-d.r.keeper.wake:
		return d.r.keeper.compact(d.r.log)
	default:
		return nil
	}
}

// Stop ends what Drive began, as the end of Run does.
func (d *Driven) Stop() {
	d.r.cancel(context.Canceled)
	close(d.r.stopped)
	d.Driven.Stop()
	d.r.transport.Close()
	d.r.wait()
}
