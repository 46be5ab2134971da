package kubeadm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	mountutils "k8s.io/mount-utils"
)

// Cgroup is where the pods of the node are, below every hierarchy: each node that is a folder has one of its own.
func (l Layout) Cgroup() string {
	if l.IsMachine() {
		return "/"
	}
	sum := sha256.Sum256([]byte(l.Root))
	return "/petcd-" + hex.EncodeToString(sum[:4])
}

// unmount ends what is mounted in folders that belong to the node, the last first.
func (l Layout) unmount() error {
	all, err := mountutils.ParseMountInfo("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	var errs []error
	for i := len(all) - 1; i >= 0; i-- {
		at := all[i].MountPoint
		for _, dir := range []string{kubeletDir, runtimeDir, runtimeRun, containerdDir, containerdRun} {
			ours := dir != containerdDir && dir != containerdRun || !l.IsMachine()
			if ours && strings.HasPrefix(at, l.In(dir)+"/") {
				if err := unix.Unmount(at, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
					errs = append(errs, fmt.Errorf("kubeadm: unmount %s: %w", at, err))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// cgroupRoots are the cgroups of pods in every hierarchy.
func (l Layout) cgroupRoots() (dirs []string) {
	name := l.Cgroup()
	if l.IsMachine() {
		name = "/kubepods"
	}
	for _, pattern := range []string{"/sys/fs/cgroup" + name, "/sys/fs/cgroup/*" + name} {
		found, _ := filepath.Glob(pattern) // the pattern is a good one
		dirs = append(dirs, found...)
	}
	return dirs
}

// removeCgroups removes those of pods. A process that is still in one was a pod's, and is killed.
func (l Layout) removeCgroups(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var errs []error
	for _, root := range l.cgroupRoots() {
		errs = append(errs, poll(ctx, "cgroup "+root+" stays", func(context.Context) error { return removeCgroup(root) }))
	}
	return errors.Join(errs...)
}

// removeCgroup removes a cgroup and those in it. It is to be tried again: what is killed takes a moment to go.
func removeCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeCgroup(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return errors.Join(err, killIn(dir))
	}
	return nil
}

func killIn(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 && pid != os.Getpid() {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return nil
}
