package lessor

import "errors"

var (
	// ErrNotFound is returned for a lease that does not exist, or has ended.
	ErrNotFound = errors.New("lessor: lease not found")

	// ErrNotPrimary is returned by a member that took itself for the leader and found that it is not. Ask again.
	ErrNotPrimary = errors.New("lessor: not the leader's lessor")
)
