package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// removeFor is how long processes get to die of SIGKILL: one that waits for a disk can't at once.
	removeFor = 5 * time.Second
	// removeEvery is how often it is looked whether they did.
	removeEvery = 10 * time.Millisecond
)

// errAlive says that a cgroup can't be removed.
var errAlive = errors.New("processes do not die")

// remove kills all processes in a cgroup and below it and removes it, in all hierarchies.
func (m *Manager) remove(path string) error {
	deadline := time.Now().Add(removeFor)
	for {
		left, err := m.tryRemove(path)
		switch {
		case err != nil:
			return fmt.Errorf("cgroup: remove %s: %w", path, err)
		case !left:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("cgroup: remove %s: %w", path, errAlive)
		}
		time.Sleep(removeEvery)
	}
}

// tryRemove kills and removes what it can; left says that there is something left.
func (m *Manager) tryRemove(path string) (left bool, err error) {
	for _, mount := range m.mounts() {
		dirs, err := below(filepath.Join(mount, path))
		if err != nil {
			return false, err
		}
		for _, dir := range dirs {
			if err := killIn(dir); err != nil {
				return false, err
			}
		}
		for _, dir := range dirs {
			switch err := unix.Rmdir(dir); {
			case err == nil, errors.Is(err, fs.ErrNotExist):
			case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOTEMPTY):
				left = true
			default:
				return false, fmt.Errorf("%s: %w", dir, err)
			}
		}
	}
	return left, nil
}

// below are a cgroup's folder and all below it, the deepest first.
func below(dir string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // went meanwhile, or never was
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	slices.Reverse(dirs)
	return dirs, err
}

// killIn kills the processes of one cgroup.
func killIn(dir string) error {
	pids, err := words(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil || pid <= 1 || pid == os.Getpid() { // 0 is one that this process can't see
			continue
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill %d: %w", pid, err)
		}
	}
	return nil
}
