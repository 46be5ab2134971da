package snapshot

import "errors"

var (
	// ErrForeign says that a stream is no archive of petcd, or of a newer format.
	ErrForeign = errors.New("snapshot: not a petcd snapshot")
	// ErrCorrupt says that an archive is damaged or cut off.
	ErrCorrupt = errors.New("snapshot: damaged")
)
