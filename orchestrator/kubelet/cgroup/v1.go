package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// v1Hierarchy has a hierarchy per controller, or group of controllers. A v2 hierarchy without controllers may be beside them.
type v1Hierarchy struct {
	dirs              []string // all hierarchies
	cpu, memory, pids string   // where those controllers are; "": nowhere
}

// findV1 finds the hierarchies that are mounted below a folder.
func findV1(mount string) (*v1Hierarchy, error) {
	entries, err := os.ReadDir(mount)
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	h := &v1Hierarchy{}
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(mount, e.Name())) // cpu may be a link to cpu,cpuacct
		if err != nil {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil || st.Type != unix.CGROUP_SUPER_MAGIC && st.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		switch e.Name() {
		case "cpu":
			h.cpu = dir
		case "memory":
			h.memory = dir
		case "pids":
			h.pids = dir
		}
		if !slices.Contains(h.dirs, dir) {
			h.dirs = append(h.dirs, dir)
		}
	}
	if h.cpu == "" || h.memory == "" {
		return nil, fmt.Errorf("cgroup: below %s the controllers cpu and memory are needed", mount)
	}
	return h, nil
}

func (h *v1Hierarchy) mounts() []string { return h.dirs }

// ensure makes the cgroup where it gets limits. In the other hierarchies the runtime makes it, which knows what they have to be told first.
func (h *v1Hierarchy) ensure(path string) error {
	for _, dir := range []string{h.cpu, h.memory, h.pids} {
		if dir != "" {
			if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *v1Hierarchy) set(path string, l *limits) error {
	write := func(dir, file string, value int64) error {
		if dir == "" {
			return nil
		}
		return writeFile(filepath.Join(dir, path, file), strconv.FormatInt(value, 10))
	}
	err := errors.Join(
		write(h.cpu, "cpu.shares", l.cpuShares),
		write(h.memory, "memory.limit_in_bytes", orUnlimited(l.memory)),
	)
	if l.cpuQuota > 0 {
		err = errors.Join(err, write(h.cpu, "cpu.cfs_period_us", period))
	}
	quota := write(h.cpu, "cpu.cfs_quota_us", orUnlimited(l.cpuQuota))
	if l.cpuQuota == 0 && errors.Is(quota, fs.ErrNotExist) {
		quota = nil // a kernel without quotas, and none is wanted
	}
	pids := "max"
	if l.pids > 0 {
		pids = strconv.FormatInt(l.pids, 10)
	}
	if h.pids != "" {
		err = errors.Join(err, writeFile(filepath.Join(h.pids, path, "pids.max"), pids))
	}
	return errors.Join(err, quota)
}

// orUnlimited is -1, by which v1 says that there is no limit, or the limit.
func orUnlimited(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// writeFile writes to a file that the kernel has made.
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
