package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errMlockLimit says that locking would make the process run out of memory.
var errMlockLimit = errors.New("--memory-mlock needs an unlimited memlock limit (LimitMEMLOCK=infinity in a unit file)")

// lockMemory keeps the process's memory from being swapped out. Pages are
// locked as they are first used: the heap reserves far more than it uses.
// Under a limit every later allocation could fail, so that is refused here.
func lockMemory() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("read the memlock limit: %w", err)
	}
	if limit.Cur != unix.RLIM_INFINITY && os.Geteuid() != 0 {
		return errMlockLimit
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}
