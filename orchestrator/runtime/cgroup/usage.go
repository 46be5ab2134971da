package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what a group uses.
type Usage struct {
	CPU        uint64 // nanoseconds
	Memory     uint64 // bytes
	WorkingSet uint64 // of these, what can't be given back at once
	RSS        uint64
	Limit      uint64 // 0: none
	Faults     uint64
	Major      uint64
	Processes  uint64
}

// Usage reads what a group uses. A group that is gone uses nothing.
func (h *Hierarchy) Usage(group string) Usage {
	if h.Unified != "" {
		return h.usage2(h.dir("", group))
	}
	memory := h.dir("memory", group)
	stat := table(filepath.Join(memory, "memory.stat"))
	u := Usage{
		CPU: value(filepath.Join(h.dir("cpuacct", group), "cpuacct.usage")), Memory: value(filepath.Join(memory, "memory.usage_in_bytes")),
		RSS: stat["total_rss"], Limit: value(filepath.Join(memory, "memory.limit_in_bytes")),
		Faults: stat["total_pgfault"], Major: stat["total_pgmajfault"], Processes: value(filepath.Join(h.dir("pids", group), "pids.current")),
	}
	u.WorkingSet = u.Memory - min(u.Memory, stat["total_inactive_file"])
	if u.Limit > 1<<62 {
		u.Limit = 0
	}
	return u
}

func (h *Hierarchy) usage2(dir string) Usage {
	stat := table(filepath.Join(dir, "memory.stat"))
	u := Usage{
		CPU: table(filepath.Join(dir, "cpu.stat"))["usage_usec"] * 1000, Memory: value(filepath.Join(dir, "memory.current")),
		RSS: stat["anon"], Limit: value(filepath.Join(dir, "memory.max")),
		Faults: stat["pgfault"], Major: stat["pgmajfault"], Processes: value(filepath.Join(dir, "pids.current")),
	}
	u.WorkingSet = u.Memory - min(u.Memory, stat["inactive_file"])
	return u
}

// value reads a file that holds a number; anything else is 0.
func value(file string) uint64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// table reads a file of names and numbers.
func table(file string) map[string]uint64 {
	t := map[string]uint64{}
	data, err := os.ReadFile(file)
	if err != nil {
		return t
	}
	for line := range strings.Lines(string(data)) {
		if name, n, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			t[name], _ = strconv.ParseUint(n, 10, 64)
		}
	}
	return t
}
