//go:build !linux

package process

// stopped is not known on this system.
func stopped(int) bool { return true }
