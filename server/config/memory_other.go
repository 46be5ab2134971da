//go:build !linux

package config

// machineMemory is not known on this system.
func machineMemory() (int64, bool) { return 0, false }
