package replica

import (
	"context"
	"sync"
	"time"

	etcdraft "go.etcd.io/raft/v3"
)

// leadership remembers when this member last learned of a new leader, to tell why a request timed out.
type leadership struct {
	mu        sync.Mutex
	electedAt time.Time
	lostFor   time.Duration // how long before its election the old leader was lost at most
}

// elected returns when the present leader was seen first, and the earliest time its predecessor may have been lost.
func (l *leadership) elected() (elected, lost time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.electedAt, l.electedAt.Add(-l.lostFor)
}

// watchLeader follows changes of leader until ctx ends.
func (r *Replica) watchLeader(ctx context.Context) {
	var last uint64
	for {
		changed := r.node.LeaderChanged()
		s := r.node.Status()
		if s.Lead != last {
			if s.Lead != 0 {
				r.leader.mu.Lock()
				r.leader.electedAt = time.Now()
				r.leader.mu.Unlock()
			}
			last = s.Lead
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Replica) isLeader() bool { return r.node.Status().State == etcdraft.StateLeader }

// LeaderChanged returns a channel that is closed at the next change of leader or of this member's role.
func (r *Replica) LeaderChanged() <-chan struct{} { return r.node.LeaderChanged() }

// MoveLeader hands leadership to another voter and waits until it took over. Only the leader can.
func (r *Replica) MoveLeader(ctx context.Context, to uint64) error {
	if !r.isLeader() {
		return ErrNotLeader
	}
	if m := r.cluster.Member(to); m == nil || m.IsLearner {
		return ErrBadTransferee
	}
	tctx, cancel := context.WithTimeout(ctx, r.cfg.Member.ElectionTimeout+transferExtra)
	defer cancel()
	r.logger.Info("leadership transfer starting", "current_leader_member_id", hexID(r.cluster.LocalID()), "transferee_member_id", hexID(to))
	r.node.TransferLeader(to)
	for {
		changed := r.node.LeaderChanged()
		if r.node.Status().Lead == to {
			return nil
		}
		select {
		case <-changed:
		case <-tctx.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return ErrTimeoutLeaderTransfer
		case <-r.stopped:
			return ErrStopped
		}
	}
}

// transferExtra is what a transfer may take beyond one election timeout, after which raft gives it up.
const transferExtra = 500 * time.Millisecond

// waitLeader returns the id of the leader, waiting for one within ctx.
func (r *Replica) waitLeader(ctx context.Context) (uint64, error) {
	for {
		changed := r.node.LeaderChanged()
		if lead := r.node.Status().Lead; lead != 0 && r.cluster.Member(lead) != nil {
			return lead, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ErrNoLeader
		case <-r.stopped:
			return 0, ErrStopped
		}
	}
}

// leaderLease is how sure this member is that it leads without asking anybody: as of when a majority last confirmed it.
type leaderLease struct {
	mu   sync.Mutex
	term uint64
	at   time.Time
	wall time.Time // at, by the wall clock: the other one stands still while the machine is suspended
}

// fresh tells whether a majority confirmed the term's leader less than within ago, by both clocks. A wall clock that was
// set back tells nothing.
func (l *leaderLease) fresh(term uint64, within time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	wall := now.Round(0).Sub(l.wall)
	return l.term == term && now.Sub(l.at) < within && 0 <= wall && wall < within
}

// confirm notes that a majority confirmed the term's leader after asked.
func (l *leaderLease) confirm(term uint64, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if term > l.term || asked.After(l.at) {
		l.term, l.at, l.wall = term, asked, asked.Round(0)
	}
}

// EnsureLeader returns once this member knows that it leads, and has applied all that any member could have answered from
// before the call. It asks a majority only when the last answer is older than half an election timeout: those who gave it
// don't vote for another before a whole one of theirs has passed.
//
// That is less than a majority's answer to this call. For less than half an election timeout another member may lead
// already, and this one not know it, after leadership was handed on (MoveLeader, a stalled disk), when a voter restarted
// and forgot whom it heard, or where a voter's election timeout is less than half of this member's or its clock runs more
// than twice as fast. What is renewed then is not lost early: a new leader gives leases an election timeout more than their
// time. But a lease that the new leader has revoked meanwhile is renewed here as if it were still there.
func (r *Replica) EnsureLeader(ctx context.Context) error {
	s := r.node.Status()
	if s.State != etcdraft.StateLeader {
		return ErrNotLeader
	}
	if r.lease.fresh(s.Term, r.cfg.Member.ElectionTimeout/2) {
		return r.applied.wait(ctx, s.Commit)
	}
	asked := time.Now()
	if err := r.ReadBarrier(ctx); err != nil {
		return err
	}
	if after := r.node.Status(); after.State != etcdraft.StateLeader || after.Term != s.Term {
		return ErrNotLeader
	}
	r.lease.confirm(s.Term, asked)
	return nil
}

// LeadsNow says that this member knows without asking that it leads, and that it has applied all it would have to: that
// EnsureLeader would return nil at once, or with strict that ReadBarrier would, too.
func (r *Replica) LeadsNow(strict bool) bool {
	if index, alone := r.node.ReadIndexNow(); alone {
		return r.applied.index.Load() >= index
	}
	s := r.node.Status()
	return !strict && s.State == etcdraft.StateLeader && r.lease.fresh(s.Term, r.cfg.Member.ElectionTimeout/2) &&
		r.applied.index.Load() >= s.Commit
}
