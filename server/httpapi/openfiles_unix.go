//go:build unix

package httpapi

import "syscall"

// openFilesMax is the limit on file descriptors; 0 when it is not known.
func openFilesMax() float64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return float64(l.Cur)
}
