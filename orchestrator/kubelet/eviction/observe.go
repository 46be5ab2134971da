package eviction

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Observation is how much of a resource there is.
type Observation struct {
	Available, Capacity int64 // bytes, inodes, processes
}

// NodeObserver looks at the machine.
type NodeObserver struct {
	RootDir  string                                    // on nodefs
	ImageDir func(ctx context.Context) (string, error) // where images are; nil: on nodefs
	Proc     string                                    // "" is /proc
}

// Observe is what is left of everything that there may be a threshold of.
func (n *NodeObserver) Observe(ctx context.Context) (map[Signal]Observation, error) {
	observed := map[Signal]Observation{}
	var err error
	if observed[MemoryAvailable], err = n.memory(); err != nil {
		return nil, err
	}
	if observed[PIDAvailable], err = n.processes(); err != nil {
		return nil, err
	}
	if observed[NodeFsAvailable], observed[NodeFsInodesFree], err = fileSystem(n.RootDir); err != nil {
		return nil, err
	}
	dir := n.RootDir
	if n.ImageDir != nil {
		if dir, err = n.ImageDir(ctx); err != nil {
			return nil, err
		}
	}
	observed[ImageFsAvailable], observed[ImageFsInodesFree], err = fileSystem(dir)
	return observed, err
}

// proc reads a file of the kernel's.
func (n *NodeObserver) proc(name string) (string, error) {
	dir := n.Proc
	if dir == "" {
		dir = "/proc"
	}
	data, err := os.ReadFile(dir + "/" + name)
	if err != nil {
		return "", fmt.Errorf("eviction: %w", err)
	}
	return string(data), nil
}

// memory is what the kernel says that programs can have without swapping.
func (n *NodeObserver) memory() (o Observation, err error) {
	text, err := n.proc("meminfo")
	if err != nil {
		return o, err
	}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":")
		kibibytes, parseErr := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		switch {
		case parseErr != nil:
		case name == "MemTotal":
			o.Capacity = kibibytes * 1024
		case name == "MemAvailable":
			o.Available = kibibytes * 1024
		}
	}
	if o.Capacity == 0 {
		return o, fmt.Errorf("eviction: meminfo does not say how much memory there is")
	}
	return o, nil
}

// processes are those that can still be started: threads count too.
func (n *NodeObserver) processes() (o Observation, err error) {
	text, err := n.proc("sys/kernel/pid_max")
	if err != nil {
		return o, err
	}
	if o.Capacity, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64); err != nil {
		return o, fmt.Errorf("eviction: pid_max: %w", err)
	}
	if text, err = n.proc("sys/kernel/threads-max"); err != nil {
		return o, err
	}
	threads, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return o, fmt.Errorf("eviction: threads-max: %w", err)
	}
	o.Capacity = min(o.Capacity, threads)
	if text, err = n.proc("loadavg"); err != nil {
		return o, err
	}
	_, rest, _ := strings.Cut(text, "/") // 0.00 0.01 0.05 running/all last
	all, _, _ := strings.Cut(rest, " ")
	running, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return o, fmt.Errorf("eviction: loadavg: %w", err)
	}
	o.Available = o.Capacity - running
	return o, nil
}

// fileSystem is what is left on the file system that holds a folder. One without a fixed number of inodes never runs out of them.
func fileSystem(dir string) (bytes, inodes Observation, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return bytes, inodes, fmt.Errorf("eviction: %s: %w", dir, err)
	}
	bytes = Observation{int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize}
	return bytes, Observation{int64(st.Ffree), int64(st.Files)}, nil
}
