package config

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machineMemory is the memory in bytes that the process may use: the machine's, or what its control groups leave of that.
func machineMemory() (int64, bool) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, false
	}
	memory := int64(min(uint64(info.Totalram)*uint64(info.Unit), math.MaxInt64)) //nolint:unconvert // the fields' types differ between processors
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return memory, true // no control groups
	}
	return min(memory, groupMemory("/sys/fs/cgroup", string(groups))), true
}

// groupMemory is the least limit of the process's control groups and those above them, as /proc/self/cgroup names them; of version 2,
// or of version 1's memory controller. There may be none.
func groupMemory(root, groups string) int64 {
	limit := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		dir, file := root, "memory.max"
		if fields[1] != "" {
			if fields[1] != "memory" {
				continue
			}
			dir, file = path.Join(root, "memory"), "memory.limit_in_bytes"
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			// Not there, or "max": no limit.
			if text, err := os.ReadFile(path.Join(dir, group, file)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
					limit = min(limit, n)
				}
			}
			if group == "/" {
				break
			}
		}
	}
	return limit
}
