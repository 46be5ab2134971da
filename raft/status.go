package raft

import (
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// Status is a member's view at one moment.
type Status struct {
	ID      uint64
	Lead    uint64
	Term    uint64
	Commit  uint64
	Applied uint64
	State   etcdraft.StateType

	// Alone is set for a leader that is the only voter and may answer reads: all that was acknowledged is at or below Commit. Nobody
	// else can lead or commit before this view says otherwise, as that would take this member's vote, which leaves after it.
	Alone bool

	// Progress is each member's as the leader knows it, at most a tick old; nil on all others. It must not be changed.
	Progress map[uint64]tracker.Progress
}

type progressMap = map[uint64]tracker.Progress

// Status returns the newest published view.
func (n *Node) Status() Status {
	s := *n.status.Load()
	if s.State == etcdraft.StateLeader {
		s.Progress = *n.progress.Load()
	}
	return s
}

// publish makes the view of a pass visible if it changed.
func (n *Node) publish() {
	n.st.Alone = n.st.State == etcdraft.StateLeader && n.st.Term == n.committedTerm && n.alone()
	if old := n.status.Load(); old != nil && sameView(old, &n.st) {
		return
	}
	st := n.st
	n.status.Store(&st)
}

func sameView(a, b *Status) bool {
	return a.Lead == b.Lead && a.Term == b.Term && a.Commit == b.Commit && a.Applied == b.Applied && a.State == b.State && a.Alone == b.Alone
}

// publishProgress copies the leader's knowledge of the others.
func (n *Node) publishProgress() {
	var m progressMap
	if n.st.State == etcdraft.StateLeader {
		m = progressMap{}
		n.raw.WithProgress(func(id uint64, _ etcdraft.ProgressType, pr tracker.Progress) { m[id] = pr })
	}
	n.progress.Store(&m)
}
