package config

import (
	"math"

	"golang.org/x/sys/unix"
)

// machineMemory is the machine's memory in bytes.
func machineMemory() (int64, bool) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, false
	}
	return int64(min(uint64(info.Totalram)*uint64(info.Unit), math.MaxInt64)), true //nolint:unconvert // the fields' types differ between processors
}
