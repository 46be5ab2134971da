package raft

import (
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// stall notices that the log's disk hangs. The library's CheckQuorum asks only whether the others answer, so a leader
// whose own disk hangs would lead on: it heartbeats, and followers commit what it sends, but it can't lead a cluster of
// two, and it holds up everybody who talks to it.
type stall struct {
	ticksMax int    // an append outstanding for so long is a stall
	done     uint64 // appends finished as of the last tick
	ticks    int    // for how long none finished though some were outstanding
}

// tick takes the numbers of appends handed out and finished.
func (s *stall) tick(sent, done uint64) {
	if done != s.done || sent == done {
		s.done, s.ticks = done, 0
		return
	}
	s.ticks++
}

func (s *stall) stalled() bool { return s.ticks >= s.ticksMax }

// tick lets time pass. A member whose disk hangs goes on counting, so that it may grant votes and follows a new leader,
// but does not stand for election itself.
func (n *Node) tick() {
	n.stall.tick(n.appends.sent.Load(), n.appends.done.Load())
	n.appends.tick()
	n.reads.ticks++
	switch {
	case !n.stall.stalled():
		n.raw.Tick()
	case n.st.State == etcdraft.StateLeader:
		n.raw.Tick()
		n.giveUpLeadership()
	default:
		n.raw.TickQuiesced()
	}
	n.proposeRefused()
	n.publishProgress()
}

// noteLateTick counts heartbeats that come so late that followers may begin to doubt: the machine is short of processors, or a
// pass reads old entries from a slow disk.
func (n *Node) noteLateTick(at time.Time) {
	if n.st.State == etcdraft.StateLeader && !n.lastTick.IsZero() && at.Sub(n.lastTick) > 2*n.cfg.TickInterval {
		n.metrics.lateBeats.Inc()
	}
	n.lastTick = at
}

// giveUpLeadership hands leadership to the best follower when the stall is found. If that didn't work half an election
// timeout later, the leader steps down and leaves the choice to an election.
func (n *Node) giveUpLeadership() {
	best := n.bestFollower()
	switch {
	case n.stall.ticks == n.stall.ticksMax && best != etcdraft.None:
		n.metrics.stalls.Inc()
		n.cfg.Logger.Warn("log disk stalled, handing over leadership", "member_id", n.cfg.ID, "term", n.st.Term, "to", best)
		n.raw.TransferLeader(best)
	case n.stall.ticks == n.stall.ticksMax, n.stall.ticks == n.stall.ticksMax+n.stall.ticksMax/2:
		n.cfg.Logger.Warn("log disk stalled, stepping down", "member_id", n.cfg.ID, "term", n.st.Term)
		n.stepDown()
	}
}

// bestFollower is the voter with the most of the log that answered lately.
func (n *Node) bestFollower() (best uint64) {
	var match uint64
	n.raw.WithProgress(func(id uint64, typ etcdraft.ProgressType, pr tracker.Progress) {
		if id == n.cfg.ID || typ != etcdraft.ProgressTypePeer || !pr.RecentActive {
			return
		}
		if pr.Match > match || (pr.Match == match && id < best) {
			best, match = id, pr.Match
		}
	})
	return best
}

// stepDown makes the leader a follower of nobody. The library has no such call; but its check of the quorum forgets who
// answered, so the second of two checks in a row finds nobody. A cluster of one has no other leader, and keeps it.
func (n *Node) stepDown() {
	check := func() *raftpb.Message {
		return &raftpb.Message{Type: raftpb.MsgCheckQuorum.Enum(), From: new(etcdraft.LocalAppendThread)}
	}
	for range 2 {
		if err := n.raw.Step(check()); err != nil {
			n.cfg.Logger.Warn("could not step down", "member_id", n.cfg.ID, "error", err)
		}
	}
}
