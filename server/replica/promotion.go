package replica

import (
	"context"
	"time"
)

// promotionInterval is how often the leader looks for learners that have caught up.
const promotionInterval = time.Second

// promoteLearners gives learners that have caught up their vote while this member leads, until ctx ends. It runs with the
// gate AutoPromoteLearners only: an operator may want a learner to stay one.
func (r *Replica) promoteLearners(ctx context.Context) {
	if !r.cfg.Member.FeatureGates["AutoPromoteLearners"] {
		return
	}
	for ctx.Err() == nil {
		sleep(ctx, promotionInterval)
		progress := r.node.Status().Progress
		if progress == nil {
			continue // only the leader knows how far the others are
		}
		match := progress[r.cluster.LocalID()].Match
		for _, m := range r.cluster.Members() {
			// One that never started has published nothing, so its name is empty.
			if !m.IsLearner || !m.IsStarted() || ctx.Err() != nil || !caughtUp(progress[m.ID].Match, match) {
				continue
			}
			if _, err := r.PromoteMember(ctx, m.ID); err != nil {
				r.logger.Warn("could not promote a learner that has caught up", "member_id", hexID(m.ID), "error", err)
				continue
			}
			r.logger.Info("promoted a learner that has caught up", "member_id", hexID(m.ID))
		}
	}
}

// caughtUp tells whether a learner has enough of the leader's log to be given a vote.
func caughtUp(match, leader uint64) bool { return float64(match) >= float64(leader)*readyPercent }
