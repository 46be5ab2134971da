package storage

import (
	"errors"

	"github.com/petcd/petcd/storage/engine"
)

var (
	// ErrCorrupt marks damage: the state on disk is not what was written.
	ErrCorrupt = engine.ErrCorrupt
	// ErrForeign marks a folder that some other program, or a newer format of
	// this one, wrote.
	ErrForeign = engine.ErrForeign
	// ErrDiskFailing and ErrDiskStalled tell of a disk that cannot be relied on
	// now. It may recover.
	ErrDiskFailing = engine.ErrDiskFailing
	ErrDiskStalled = engine.ErrDiskStalled
	// ErrFatal is why a state cannot go on, nor be closed: the process must end.
	ErrFatal = engine.ErrFatal
	// ErrClosed is returned once the store is closed.
	ErrClosed = errors.New("storage: closed")
)
