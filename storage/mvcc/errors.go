package mvcc

import "errors"

var (
	// ErrCompacted is returned for a revision older than the compact revision.
	ErrCompacted = errors.New("mvcc: required revision has been compacted")
	// ErrFutureRevision is returned for a revision that is not reached yet.
	ErrFutureRevision = errors.New("mvcc: required revision is a future revision")
)
