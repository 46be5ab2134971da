package replica

import (
	"context"
	"errors"
	"time"

	"github.com/petcd/petcd/raft"
)

// ReadBarrier returns when a read of this member's store is linearizable: the state has everything that was acknowledged,
// anywhere, before the call.
func (r *Replica) ReadBarrier(ctx context.Context) error {
	index, known := r.node.ReadIndexNow()
	if known && r.applied.index.Load() >= index {
		return nil
	}
	tctx, cancel := context.WithTimeout(ctx, r.cfg.Member.RequestTimeout())
	defer cancel()
	var err error
	if !known {
		index, err = r.node.ReadIndex(tctx)
	}
	if err == nil {
		err = r.applied.wait(tctx, index)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // the caller's own deadline or cancellation
	case errors.Is(err, context.DeadlineExceeded):
		r.metrics.slowReads.Inc()
		return ErrTimeout
	case errors.Is(err, raft.ErrStopped), errors.Is(err, context.Canceled):
		return ErrStopped
	}
	r.metrics.failedReads.Inc()
	return err
}

// WaitApplied returns when the state has applied everything this member knows to be committed.
func (r *Replica) WaitApplied(ctx context.Context) error {
	tctx, cancel := context.WithTimeout(ctx, waitAppliedMax)
	defer cancel()
	if r.applied.wait(tctx, r.node.Status().Commit) == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrTimeoutWaitApplied
}

// waitAppliedMax is how long WaitApplied waits, as etcd does.
const waitAppliedMax = time.Second
