package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/server/membership"
)

const (
	// healthInterval is how long members must have been connected to count when a change of members is checked.
	healthInterval = 5 * time.Second

	// readyPercent is how much of the leader's log a learner must have before it is given a vote.
	readyPercent = 0.9
)

// AddMember adds a member that will be reached at peerURLs, as a voter or as a learner. It returns the new member and all
// members after the change.
func (r *Replica) AddMember(ctx context.Context, peerURLs []string, learner bool) (*membership.Member, []*membership.Member, error) {
	urls, err := types.NewURLs(peerURLs)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", membership.ErrBadPeerURLs, err)
	}
	m := membership.NewMember("", urls, "", time.Now())
	m.IsLearner = learner
	if err := r.mayAdd(m); err != nil {
		return nil, nil, err
	}
	cc, err := membership.AddChange(m)
	if err != nil {
		return nil, nil, err
	}
	if err := r.mayAddLearner(ctx, cc); err != nil {
		return nil, nil, err
	}
	members, err := r.change(ctx, cc)
	return m, members, err
}

// RemoveMember removes a member for good. It returns all members after the change.
func (r *Replica) RemoveMember(ctx context.Context, id uint64) ([]*membership.Member, error) {
	if err := r.mayRemove(id); err != nil {
		return nil, err
	}
	members, err := r.change(ctx, membership.RemoveChange(id))
	if err == nil || errors.Is(err, membership.ErrIDRemoved) {
		r.awaitRest(ctx, id)
	}
	return members, err
}

// awaitRest waits until those that are left after a removal can do without the removed member, but not so long that a member that was
// removed itself could not answer any more. Whoever is told that a member is removed may end it at once: if it was the leader, and the
// only one to know that the removal is committed, the member that is left of two would ask it for its vote for ever.
func (r *Replica) awaitRest(ctx context.Context, removed uint64) {
	ctx, cancel := context.WithTimeout(ctx, removedStay/2)
	defer cancel()
	if !r.restKnows(ctx, removed) {
		r.logger.Warn("a removal is not known yet to a quorum of the members that are left", "removed_member_id", hexID(removed))
	}
}

// restKnows waits until a quorum of those that are left after a removal know of it and cannot forget it in a crash; false: ctx ended
// before.
func (r *Replica) restKnows(ctx context.Context, removed uint64) bool {
	left, index := r.cluster.Members(), r.applied.index.Load()
	know := make(chan bool, len(left))
	voters := 0
	for _, m := range left {
		if m.IsLearner {
			continue
		}
		voters++
		go func() {
			if m.ID == r.cluster.LocalID() {
				know <- r.awaitDurableRemovals(ctx)
			} else {
				know <- r.peers.awaitRemoval(ctx, m, removed, index)
			}
		}()
	}
	needed := voters/2 + 1
	for range voters {
		if <-know {
			needed--
		}
		if needed == 0 {
			return true
		}
	}
	return voters == 0
}

// awaitDurableRemovals waits until removalsDurable; false: ctx ended before.
func (r *Replica) awaitDurableRemovals(ctx context.Context) bool {
	for !r.removalsDurable() {
		if sleep(ctx, rosterPause); ctx.Err() != nil {
			return false
		}
	}
	return true
}

// UpdateMember replaces a member's peer URLs. It returns all members after the change.
func (r *Replica) UpdateMember(ctx context.Context, id uint64, peerURLs []string) ([]*membership.Member, error) {
	if _, err := types.NewURLs(peerURLs); err != nil {
		return nil, fmt.Errorf("%w: %w", membership.ErrBadPeerURLs, err)
	}
	cc, err := membership.UpdateChange(id, peerURLs)
	if err != nil {
		return nil, err
	}
	return r.change(ctx, cc)
}

// PromoteMember gives a learner its vote. Only the leader knows whether it has caught up, so any other member asks it.
func (r *Replica) PromoteMember(ctx context.Context, id uint64) ([]*membership.Member, error) {
	members, err := r.promoteHere(ctx, id)
	if err == nil {
		r.metrics.promoteSucceeded.Inc()
		return members, nil
	}
	if !errors.Is(err, ErrNotLeader) {
		r.metrics.promoteFailed.WithLabelValues(err.Error()).Inc()
		return nil, err
	}
	return r.promoteThere(ctx, id)
}

// promoteHere promotes a learner when this member is the leader.
func (r *Replica) promoteHere(ctx context.Context, id uint64) ([]*membership.Member, error) {
	if err := r.mayPromote(ctx, id); err != nil {
		return nil, err
	}
	cc, err := membership.PromoteChange(id)
	if err != nil {
		return nil, err
	}
	return r.change(ctx, cc)
}

// promoteThere asks the leader to promote a learner.
func (r *Replica) promoteThere(ctx context.Context, id uint64) ([]*membership.Member, error) {
	tctx, cancel := context.WithTimeout(ctx, r.cfg.Member.RequestTimeout())
	defer cancel()
	for tctx.Err() == nil {
		leader, err := r.waitLeader(tctx)
		if err != nil {
			return nil, err
		}
		if leader == r.cluster.LocalID() {
			return r.promoteHere(tctx, id)
		}
		members, err := r.peers.promote(tctx, leader, id)
		if err == nil || errors.Is(err, ErrLearnerNotReady) || errors.Is(err, membership.ErrIDNotFound) || errors.Is(err, membership.ErrNotLearner) {
			return members, err
		}
		sleep(tctx, retryPause)
	}
	if ctx.Err() != nil {
		return nil, ErrCanceled
	}
	return nil, ErrTimeout
}

// retryPause is how long a request to the leader waits before it is repeated.
const retryPause = 50 * time.Millisecond

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// change proposes a change of members and waits until it is applied here.
func (r *Replica) change(ctx context.Context, cc *raftpb.ConfChange) ([]*membership.Member, error) {
	w, err := r.register()
	if err != nil {
		return nil, err
	}
	cc.Id = &w.id
	_, err = r.proposeAndAwait(ctx, w, func(ctx context.Context) error { return r.node.ProposeConfChange(ctx, cc) })
	if err != nil {
		return nil, err
	}
	// Raft drops a change that is proposed before it knows that the one before was applied.
	r.settle(ctx)
	members := r.cluster.Members()
	r.logger.Info("applied a configuration change through raft", "member_id", hexID(cc.GetNodeId()), "change", cc.GetType().String())
	return members, nil
}

// settle waits until raft knows that what this member has applied is applied.
func (r *Replica) settle(ctx context.Context) {
	tctx, cancel := context.WithTimeout(ctx, waitAppliedMax)
	defer cancel()
	for index := r.applied.index.Load(); r.node.Status().Applied < index && tctx.Err() == nil; {
		sleep(tctx, time.Millisecond)
	}
}

// mayAdd keeps an addition from breaking the quorum.
func (r *Replica) mayAdd(m *membership.Member) error {
	if !r.cfg.Member.StrictReconfigCheck {
		return nil
	}
	if !m.IsLearner && !r.cluster.CanAddVoter() {
		return r.refuse("rejecting member add request; not enough healthy members", m.ID, ErrNotEnoughStarted)
	}
	if !r.connected.quorumWithOneMore(time.Now().Add(-healthInterval)) {
		return r.refuse("rejecting member add request; local member has not been connected to majority peers, reconfigure breaks active quorum", m.ID, ErrUnhealthy)
	}
	return nil
}

// mayAddLearner keeps the number of learners within its limit. An addition that is refused for what the members are anyway
// is left to the log, which answers as etcd does.
func (r *Replica) mayAddLearner(ctx context.Context, cc *raftpb.ConfChange) error {
	if cc.GetType() != raftpb.ConfChangeAddLearnerNode {
		return nil
	}
	if err := r.ReadBarrier(ctx); err != nil {
		return err
	}
	if _, refused := r.cluster.Check(cc); refused == nil && !r.cluster.CanAddLearner() {
		return r.refuse("rejecting member add request; too many learners", cc.GetNodeId(), membership.ErrTooManyLearners)
	}
	return nil
}

// mayRemove keeps a removal from breaking the quorum.
func (r *Replica) mayRemove(id uint64) error {
	if !r.cfg.Member.StrictReconfigCheck {
		return nil
	}
	if m := r.cluster.Member(id); m != nil && m.IsLearner {
		return nil
	}
	if !r.cluster.CanRemoveVoter(id) {
		return r.refuse("rejecting member remove request; not enough healthy members", id, ErrNotEnoughStarted)
	}
	if id != r.cluster.LocalID() && r.connected.activeSince(id).IsZero() {
		return nil // it is not part of the quorum that is at work
	}
	voters := len(r.cluster.Voters())
	if r.connected.count(time.Now().Add(-healthInterval))-1 < 1+(voters-1)/2 {
		return r.refuse("rejecting member remove request; local member has not been connected to all peers, reconfigure breaks active quorum", id, ErrUnhealthy)
	}
	return nil
}

// mayPromote keeps a learner that lags from slowing the quorum down.
func (r *Replica) mayPromote(ctx context.Context, id uint64) error {
	if err := r.WaitApplied(ctx); err != nil {
		return err
	}
	progress := r.node.Status().Progress
	if progress == nil {
		return ErrNotLeader
	}
	if r.cluster.Member(id) == nil {
		return membership.ErrIDNotFound
	}
	// A member that was just added may be missing, and has nothing.
	if match := progress[r.cluster.LocalID()].Match; !caughtUp(progress[id].Match, match) {
		return r.refuse("rejecting promote learner: learner is not ready", id, ErrLearnerNotReady)
	}
	if r.cfg.Member.StrictReconfigCheck && !r.cluster.CanPromote() {
		return r.refuse("rejecting member promote request; not enough healthy members", id, ErrNotEnoughStarted)
	}
	return nil
}

func (r *Replica) refuse(message string, id uint64, err error) error {
	r.logger.Warn(message, "member_id", hexID(id), "error", err)
	return err
}

// hexID is a member's id as operators see it.
func hexID(id uint64) string { return membership.IDString(id) }
