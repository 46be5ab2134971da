package process

import "errors"

var (
	// ErrRunning is returned by Start for a member whose process still runs.
	ErrRunning = errors.New("process: member is already running")
	// ErrNotRunning is returned by calls that need a live process.
	ErrNotRunning = errors.New("process: member is not running")
	// ErrExited is returned while waiting for a member that ended meanwhile;
	// the message carries the end of its log.
	ErrExited = errors.New("process: member exited")
	// ErrNoBinary is returned by Locate when a server binary is not there.
	ErrNoBinary = errors.New("process: no such binary")
)
