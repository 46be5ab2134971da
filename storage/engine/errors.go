package engine

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrCorrupt marks damage: the bytes on disk are not what was written.
	// Retrying does not help.
	ErrCorrupt = errors.New("engine: state is corrupt")
	// ErrForeign marks a folder that some other program, or a newer format of
	// this one, wrote.
	ErrForeign = errors.New("engine: not a petcd state folder")
	// ErrDiskFailing and ErrDiskStalled tell of a disk that cannot be relied on
	// now. It may recover.
	ErrDiskFailing = errors.New("engine: writing to the disk fails")
	ErrDiskStalled = errors.New("engine: the disk hangs")
	// ErrFatal is why an engine cannot go on: its manifest could not be written.
	// The engine can't be closed any more; the process must end.
	ErrFatal = errors.New("engine: cannot go on")
	// ErrClosed is returned by a flush that the engine's end overtook.
	ErrClosed = errors.New("engine: closed")
	// ErrNotFound is returned by Get for a key that has no record.
	ErrNotFound = errors.New("engine: not found")
)

// wrap says which operation failed and marks damage as ErrCorrupt.
func wrap(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pebble.ErrNotFound):
		return ErrNotFound
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, op, brief{err})
	}
	return fmt.Errorf("engine: %s: %w", op, brief{err})
}
