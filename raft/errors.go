package raft

import "errors"

var (
	// ErrStopped is returned to everybody who waits when the node has stopped, and afterwards.
	ErrStopped = errors.New("raft: node stopped")

	// ErrProposalDropped is returned for a proposal that is larger than the queue of proposals. It is certain not to be
	// in the log.
	ErrProposalDropped = errors.New("raft: proposal dropped")

	// ErrOverloaded is returned by Step when messages arrive faster than they are handled. Raft sends again what matters.
	ErrOverloaded = errors.New("raft: too many messages waiting")

	// ErrMessage is returned by Step for a message no correct member sends to this one.
	ErrMessage = errors.New("raft: invalid message")

	// ErrLogBehind is returned by NewNode when the log ends before the applied index: it lost entries, or a snapshot was
	// installed and the log not yet reset.
	ErrLogBehind = errors.New("raft: log ends before the applied index")

	// ErrLogAhead is returned by NewNode when the log begins after the applied index: entries in between are gone.
	ErrLogAhead = errors.New("raft: log begins after the applied index")

	// ErrInvariant is returned by Run when the raft library found a broken invariant, such as a leader that counts on
	// entries this log doesn't have any more.
	ErrInvariant = errors.New("raft: broken invariant")
)
