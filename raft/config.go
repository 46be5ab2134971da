package raft

import (
	"errors"
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

	// SnapshotMetadata describes the newest state a follower could be sent. It is called in a pass, so it
	// must not wait for a disk.
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
	// Send hands messages to the network. It must not block; it may drop. Any goroutine may call it.
	Send func([]*raftpb.Message)
	// Logger receives the node's messages; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer

	// Ticks replaces the node's own clock; nil means a ticker of TickInterval.
	Ticks <-chan time.Time
	// Nonce makes the read rounds of this run differ from those of earlier runs of the same member; 0 means a random one.
	Nonce uint64
	// AdvanceTicks makes the first election come up to an election timeout sooner, by counting all but one of its ticks at
	// the start. A cluster that has a leader is not disturbed by it: PreVote finds out.
	AdvanceTicks bool

	// MessageBytesMax bounds the entries of one append message (default 1 MiB).
	MessageBytesMax uint64
	// InflightMax and InflightBytesMax bound append messages on their way to one follower (defaults 512 and 64 MiB).
	InflightMax      int
	InflightBytesMax uint64
	// ApplyingBytesMax bounds committed entries that were handed to the state machine and not applied yet (default 16 MiB).
	ApplyingBytesMax uint64
	// UncommittedBytesMax bounds the leader's uncommitted tail (default 256 MiB).
	UncommittedBytesMax uint64
	// ProposalsMax and ProposalBytesMax bound proposals waiting to enter raft (defaults 4096 and 64 MiB).
	ProposalsMax     int
	ProposalBytesMax int
	// MessagesMax and MessagesBytesMax bound messages from the network waiting to be handled (defaults 4096 and 128 MiB).
	// A message of any size has room when no other waits.
	MessagesMax      int
	MessagesBytesMax int
}

// withDefaults checks the required fields and fills the others.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.ID == 0:
		return c, errors.New("raft: config: no member id")
	case c.TickInterval <= 0:
		return c, errors.New("raft: config: the tick interval is not positive")
	case c.ElectionTicks < 2:
		return c, errors.New("raft: config: an election timeout needs at least two ticks")
	case c.Log == nil, c.StateMachine == nil, c.Send == nil:
		return c, errors.New("raft: config: log, state machine or network is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.MessageBytesMax, 1<<20)
	setDefault(&c.InflightMax, 512)
	setDefault(&c.InflightBytesMax, 64<<20)
	setDefault(&c.ApplyingBytesMax, 16<<20)
	setDefault(&c.UncommittedBytesMax, 256<<20)
	setDefault(&c.ProposalsMax, 4096)
	setDefault(&c.ProposalBytesMax, 64<<20)
	setDefault(&c.MessagesMax, 4096)
	setDefault(&c.MessagesBytesMax, 128<<20)
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
