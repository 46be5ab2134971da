package corruption

import "errors"

// ErrInconsistent is returned by the check before serving: this member's keys differ from its peers', as far as can be told.
var ErrInconsistent = errors.New("corruption: found data inconsistency with peers")

// Why a peer gave no hash.
var (
	errCompacted = errors.New("corruption: the peer has compacted the revision")
	errFuture    = errors.New("corruption: the peer has not reached the revision")
	errOtherID   = errors.New("corruption: the peer belongs to another cluster")
)
