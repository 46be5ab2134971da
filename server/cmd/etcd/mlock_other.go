//go:build !linux

package main

import (
	"errors"
	"runtime"
)

// errMlock says that this system cannot do it.
var errMlock = errors.New("--memory-mlock is not supported on " + runtime.GOOS)

// lockMemory refuses: a member never runs with less than was asked for.
func lockMemory() error { return errMlock }
