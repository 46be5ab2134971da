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

	// Progress is each member's as the leader knows it; nil on all others.
	Progress map[uint64]tracker.Progress
}
