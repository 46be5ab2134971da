package lessor

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
)

const (
	// revokingMax bounds the revocations under way, and so their rate: they share the log with clients.
	revokingMax = 256

	// retryAfter is when a revocation that failed is tried again.
	retryAfter = 500 * time.Millisecond

	// checkpointInterval is how often remaining times are stored, and the TTL above which a lease is worth it.
	checkpointInterval = 5 * time.Minute

	// checkpointsMax bounds the leases of one entry.
	checkpointsMax = 1000
)

// Run counts leases' time whenever this member leads, until ctx ends.
func (l *Lessor) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := l.replica.LeaderChanged()
		if l.replica.Status().IsLeader {
			l.lead(ctx, changed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// lead counts time until the leadership changes.
func (l *Lessor) lead(ctx context.Context, changed <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	term := l.replica.Status().Term
	l.promote()
	defer l.demote()

	slots := make(chan struct{}, revokingMax)
	checkpoint := time.NewTicker(checkpointInterval)
	defer checkpoint.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-changed:
			changed = l.replica.LeaderChanged() // before Status, which then misses nothing
			if now := l.replica.Status(); !now.IsLeader || now.Term != term {
				return // and begins anew (I1) if it leads again: another may have renewed leases meanwhile
			}
			continue
		case <-ctx.Done():
			return
		case <-checkpoint.C:
			if l.cfg.Checkpoints {
				workers.Go(func() { l.checkpoint(ctx) })
			}
			continue
		case <-timer.C:
		case <-l.wake:
		}
		ended, next := l.due(cap(slots) - len(slots))
		if len(ended) > 0 {
			for range ended {
				slots <- struct{}{}
			}
			workers.Go(func() { l.revoke(ctx, ended, slots) })
		}
		timer.Reset(next)
	}
}

// promote begins every lease's time (I1).
func (l *Lessor) promote() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demoted = make(chan struct{})
	for _, e := range l.leases {
		l.start(e, l.cfg.Extension)
	}
}

// demote stops counting.
func (l *Lessor) demote() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.demoted)
	l.demoted = nil
	for len(l.queue) > 0 {
		l.queue.remove(l.queue[len(l.queue)-1])
	}
}

// due takes the leases that have ended, at most max, and tells when to look again.
func (l *Lessor) due(max int) (ended []*lease, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	ended = l.queue.due(now, max)
	if len(l.queue) == 0 {
		return ended, time.Hour
	}
	next = l.queue[0].expiry.Sub(now)
	if next <= 0 {
		next = retryAfter // all slots are taken; whoever gives one back wakes the loop sooner
	}
	return ended, next
}

// revoke proposes to end leases, all at a time so that they share the log's rounds. What fails is due again soon.
func (l *Lessor) revoke(ctx context.Context, ended []*lease, slots <-chan struct{}) {
	// A leader that is cut off must not queue what would reach the next leader's log (I3).
	sure := l.replica.ReadBarrier(ctx) == nil
	var all sync.WaitGroup
	for _, e := range ended {
		all.Go(func() {
			if !sure || !l.revokeOne(ctx, e) {
				l.postpone(e)
			}
			<-slots
			l.signal()
		})
	}
	all.Wait()
}

// revokeOne tells whether the lease is gone.
func (l *Lessor) revokeOne(ctx context.Context, e *lease) bool {
	res, err := l.replica.Propose(ctx, &pb.InternalRaftRequest{
		Header: l.replica.ServerHeader(), LeaseRevoke: &pb.LeaseRevokeRequest{ID: e.id},
	})
	if err != nil {
		if ctx.Err() == nil {
			l.cfg.Logger.Warn("failed to revoke lease", "lease_id", e.id, "error", err)
		}
		return false
	}
	if errors.Is(res.Err, apply.ErrLeaseNotFound) {
		return true
	}
	if res.Err == nil {
		l.metrics.expired.Inc()
	}
	return res.Err == nil
}

// postpone makes a lease due again soon, if it still exists and this member still leads.
func (l *Lessor) postpone(e *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.demoted == nil || l.leases[e.id] != e || e.position >= 0 {
		return
	}
	e.expiry = time.Now().Add(retryAfter)
	l.queue.set(e)
}

// checkpoint stores what is left of long leases' time.
func (l *Lessor) checkpoint(ctx context.Context) {
	l.mu.Lock()
	now := time.Now()
	var left []*pb.LeaseCheckpoint
	for _, e := range l.queue {
		if remaining := e.expiry.Sub(now); e.ttl > checkpointInterval && remaining > 0 {
			left = append(left, &pb.LeaseCheckpoint{ID: e.id, Remaining_TTL: max(1, int64(remaining/time.Second))})
		}
	}
	l.mu.Unlock()
	for len(left) > 0 && ctx.Err() == nil {
		n := min(len(left), checkpointsMax)
		if err := l.proposeCheckpoint(ctx, left[:n]); err != nil && ctx.Err() == nil {
			l.cfg.Logger.Warn("failed to checkpoint leases", "leases", n, "error", err)
		}
		left = left[n:]
	}
}

// proposeCheckpoint returns once what is left of leases' time is stored, and Checkpointed was told; 0 is their full time.
func (l *Lessor) proposeCheckpoint(ctx context.Context, c []*pb.LeaseCheckpoint) error {
	req := &pb.InternalRaftRequest{LeaseCheckpoint: &pb.LeaseCheckpointRequest{Checkpoints: c}}
	res, err := l.replica.Propose(ctx, req)
	if err != nil {
		return err
	}
	return res.Err
}
