package volume

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// fsGroup is the group that a pod wants its volumes to belong to; nil: none.
func fsGroup(pod *v1.Pod) *int64 {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	return pod.Spec.SecurityContext.FSGroup
}

// changesOnlyOnMismatch says that files need not be looked at if the folder is the group's already.
func changesOnlyOnMismatch(pod *v1.Pod) bool {
	c := pod.Spec.SecurityContext
	return c != nil && c.FSGroupChangePolicy != nil && *c.FSGroupChangePolicy == v1.FSGroupChangeOnRootMismatch
}

// onlyUser is the user that all containers of a pod run as by its spec; nil: there is no such one.
func onlyUser(pod *v1.Pod) *int64 {
	var all *int64
	if c := pod.Spec.SecurityContext; c != nil {
		all = c.RunAsUser
	}
	var found *int64
	for _, containers := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			user := all
			if c := containers[i].SecurityContext; c != nil && c.RunAsUser != nil {
				user = c.RunAsUser
			}
			if user == nil || found != nil && *found != *user {
				return nil
			}
			found = user
		}
	}
	return found
}

// groupMode is the mode of a file or folder that a group may use.
func groupMode(mode fs.FileMode, readOnly bool) fs.FileMode {
	add := fs.FileMode(0o660)
	if readOnly {
		add = 0o440
	}
	if mode.IsDir() {
		add |= 0o110
		mode |= fs.ModeSetgid // what is made in it belongs to the group too
	}
	return mode | add
}

// giveToGroup lets a group use all that is below a path. It follows no symlink: a container might have made it.
func giveToGroup(root string, group *int64, readOnly bool) error {
	if group == nil {
		return nil
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, int(*group)); err != nil {
			return err
		}
		return chmodNoFollow(path, groupMode(info.Mode(), readOnly))
	})
}

// chmodNoFollow is chmod for what is at a path now, even if somebody makes it a symlink meanwhile. A symlink has no mode: it stays.
func chmodNoFollow(path string, mode fs.FileMode) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("chmod %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("chmod %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil
	}
	return os.Chmod(procPath(fd), mode)
}

// groupOwns says whether a folder has what giveToGroup would give it.
func groupOwns(path string, group int64) bool {
	var st unix.Stat_t
	info, err := os.Lstat(path)
	return err == nil && unix.Lstat(path, &st) == nil && int64(st.Gid) == group && groupMode(info.Mode(), false) == info.Mode()
}
