package lease

import "errors"

var (
	// ErrNotFound is returned for a lease id that is not granted.
	ErrNotFound = errors.New("lease: not found")
	// ErrExists is returned by a grant of an id that is granted already.
	ErrExists = errors.New("lease: already exists")
)
