package count

import "errors"

// ErrMismatch is in the chain of every error that finds counts and live keys
// to disagree, or persisted runs that no Seal can have written: the state is
// damaged.
var ErrMismatch = errors.New("count: runs and live keys disagree")
