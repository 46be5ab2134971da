package raft

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// StateMachine is what the log drives. Apply and InstallSnapshot are called from one goroutine, in log order.
type StateMachine interface {
	// Apply applies committed entries. An error stops the node: Run returns it.
	Apply(entries []*raftpb.Entry) error

	// InstallSnapshot replaces the state by the snapshot that the transport staged; snap.Data names it. The new state
	// must be durable on return. An error stops the node.
	InstallSnapshot(snap *raftpb.Snapshot) error

	// SnapshotMetadata describes the newest state a follower could be sent. It may be called from the raft goroutine, so
	// it must not wait for a disk.
	SnapshotMetadata() (*raftpb.SnapshotMetadata, error)
}

// Config is what a Node is made of. ID, TickInterval, ElectionTicks, Log, StateMachine and Send are required.
type Config struct {
	// ID is this member's id.
	ID uint64
	// TickInterval is the heartbeat interval.
	TickInterval time.Duration
	// ElectionTicks is the election timeout in ticks.
	ElectionTicks int
	// PreVote asks for votes before it raises the term.
	PreVote bool
	// Log is opened by the caller, and closed by the caller after Run returned.
	Log log.Log
	// Applied is the index the state machine has applied; entries after it are delivered.
	Applied uint64
	// ConfState is the configuration as of Applied.
	ConfState *raftpb.ConfState
	// StateMachine receives committed entries and snapshots.
	StateMachine StateMachine
	// Send hands messages to the network. It must not block; it may drop.
	Send func([]*raftpb.Message)
	// Logger receives the node's messages; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer

	// MessageBytesMax bounds the entries of one append message (default 1 MiB).
	MessageBytesMax uint64
	// InflightMax bounds append messages that are on their way to one follower (default 256).
	InflightMax int
	// ApplyingBytesMax bounds committed entries that were handed to the state machine and not applied yet (default 64 MiB).
	ApplyingBytesMax uint64
	// UncommittedBytesMax bounds the leader's uncommitted tail (default 1 GiB).
	UncommittedBytesMax uint64
	// ProposalsMax bounds proposals waiting to enter raft (default 4096).
	ProposalsMax int
}
