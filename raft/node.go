package raft

import (
	"context"

	"go.etcd.io/raft/v3/raftpb"
)

// Node is one member's part in consensus.
type Node struct{ cfg Config }

// NewNode checks the configuration and reads the log; nothing runs before Run.
func NewNode(c Config) (*Node, error) { return &Node{cfg: c}, nil }

// Run runs the node until ctx ends or it fails.
func (n *Node) Run(ctx context.Context) error { return ErrStopped }

// Propose queues data for the log. It returns when raft took it, not when it is committed; while there is no leader it
// waits.
func (n *Node) Propose(ctx context.Context, data []byte) error { return ErrStopped }

// ProposeConfChange queues a change of the configuration.
func (n *Node) ProposeConfChange(ctx context.Context, cc raftpb.ConfChangeI) error { return ErrStopped }

// ApplyConfChange makes a committed change take effect. Only the state machine's Apply may call it, exactly once for each
// committed change.
func (n *Node) ApplyConfChange(cc raftpb.ConfChangeI) *raftpb.ConfState { return nil }

// ReadIndex returns an index such that a read of the state at or after it is linearizable.
func (n *Node) ReadIndex(ctx context.Context) (uint64, error) { return 0, ErrStopped }

// TransferLeader asks for leadership to move to another member.
func (n *Node) TransferLeader(to uint64) {}

// Step takes a message from the network.
func (n *Node) Step(ctx context.Context, m *raftpb.Message) error { return ErrStopped }

// ReportUnreachable tells that messages to a member were lost.
func (n *Node) ReportUnreachable(id uint64) {}

// ReportSnapshot tells whether a snapshot arrived at a member.
func (n *Node) ReportSnapshot(id uint64, ok bool) {}

// Status returns the newest published view.
func (n *Node) Status() Status { return Status{} }

// LeaderChanged returns a channel that is closed at the next change of leader or of this member's role.
func (n *Node) LeaderChanged() <-chan struct{} { return nil }
