package raft

import "errors"

var (
	// ErrStopped is returned to everybody who waits when the node has stopped, and afterwards.
	ErrStopped = errors.New("raft: node stopped")

	// ErrProposalDropped is returned when raft refused a proposal: leadership is being transferred, or too much is
	// uncommitted. The proposal is certain not to be in the log.
	ErrProposalDropped = errors.New("raft: proposal dropped")
)
