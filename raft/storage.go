package raft

import (
	"fmt"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// storage shows the log and the state machine's snapshot to the raft library. Only a pass reads it.
type storage struct {
	log.Log
	hs *raftpb.HardState
	cs *raftpb.ConfState
	sm StateMachine
}

// newStorage checks that log and state machine fit together.
func newStorage(c *Config) (*storage, error) {
	hs, _, err := c.Log.InitialState()
	if err != nil {
		return nil, err
	}
	first, err := c.Log.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := c.Log.LastIndex()
	if err != nil {
		return nil, err
	}
	if c.Applied > last {
		return nil, fmt.Errorf("%w: log ends at %d, applied %d", ErrLogBehind, last, c.Applied)
	}
	if c.Applied+1 < first {
		return nil, fmt.Errorf("%w: log begins at %d, applied %d", ErrLogAhead, first, c.Applied)
	}
	// What was applied was committed. The log's own commit index is written without a sync and may be older.
	if commit := max(hs.GetCommit(), c.Applied, first-1); commit != hs.GetCommit() {
		hs = &raftpb.HardState{Term: new(hs.GetTerm()), Vote: new(hs.GetVote()), Commit: new(commit)}
	}
	return &storage{Log: c.Log, hs: hs, cs: raftpb.EnsureConfState(c.ConfState), sm: c.StateMachine}, nil
}

// InitialState implements the library's Storage.
func (s *storage) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return s.hs, s.cs, nil
}

// Snapshot implements the library's Storage. The transport fills in the state when it sends the message.
func (s *storage) Snapshot() (*raftpb.Snapshot, error) {
	meta, err := s.sm.SnapshotMetadata()
	if err != nil || meta.GetIndex() == 0 {
		return nil, etcdraft.ErrSnapshotTemporarilyUnavailable
	}
	return &raftpb.Snapshot{Metadata: raftpb.EnsureSnapshotMetadata(meta)}, nil
}
