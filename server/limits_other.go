//go:build !unix

package server

// filesMax is not known on this system.
func filesMax() (int, bool) { return 0, false }
