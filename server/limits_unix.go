//go:build unix

package server

import (
	"math"

	"golang.org/x/sys/unix"
)

// filesMax is how many files the process may have open. Go has raised the limit to what the system allows.
func filesMax() (int, bool) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return int(min(uint64(l.Cur), math.MaxInt32/2)), true //nolint:unconvert // the field's type differs between systems
}
