package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// bindSubPath binds what a path in a volume leads to now to a place of its own, so that the runtime mounts just that, whatever the
// container makes of the path until then.
func (m *Manager) bindSubPath(pod *v1.Pod, container *v1.Container, number int, s source, sub string) (string, error) {
	if err := checkName("container", container.Name); err != nil {
		return "", err
	}
	fd, err := openBeneath(s.path(), sub)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	at := filepath.Join(m.PodDir(pod.UID), "volume-subpaths", container.VolumeMounts[number].Name, container.Name, strconv.Itoa(number))
	if err := remove(at); err != nil { // of the container's last start
		return "", err
	}
	if err := mountTarget(fd, at); err != nil {
		return "", err
	}
	if err := unix.Mount(procPath(fd), at, "", unix.MS_BIND, ""); err != nil {
		return "", fmt.Errorf("bind %s to %s: %w", sub, at, err)
	}
	return at, nil
}

// procPath is a path to what is open, even if its own path leads elsewhere by now.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// mountTarget makes a folder or a file, as what is open is one.
func mountTarget(fd int, at string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return os.MkdirAll(at, 0o750)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	return f.Close()
}

// openBeneath opens what a path leads to below a root, and makes folders where there is nothing, with the mode of the root. The kernel
// refuses a path that leaves the root, by .. or by a symlink.
func openBeneath(root, path string) (int, error) {
	top, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", root, err)
	}
	at := top
	parts := strings.Split(filepath.Clean(path), "/")
	for i := range parts {
		next, err := openOrMake(top, at, strings.Join(parts[:i+1], "/"))
		if at != top {
			_ = unix.Close(at)
		}
		if err != nil {
			_ = unix.Close(top)
			return -1, err
		}
		at = next
	}
	_ = unix.Close(top)
	return at, nil
}

// openOrMake opens a path below top; its last part is made in parent if it isn't there.
func openOrMake(top, parent int, path string) (int, error) {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	const tries = 10 // the kernel gives up, with EAGAIN, when something is renamed while it looks
	for range tries {
		fd, err := unix.Openat2(top, path, how)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EXDEV):
			return -1, fmt.Errorf("subpath %q leads out of its volume", path)
		case errors.Is(err, unix.EAGAIN):
		case errors.Is(err, unix.ENOENT):
			if err := makeIn(top, parent, filepath.Base(path)); err != nil && !errors.Is(err, fs.ErrExist) {
				return -1, fmt.Errorf("make subpath %q: %w", path, err)
			}
		default:
			return -1, fmt.Errorf("open subpath %q: %w", path, err)
		}
	}
	return -1, fmt.Errorf("subpath %q changes all the time, or is a symlink to nothing", path)
}

// makeIn makes a folder in one that is open, with the mode that the volume has.
func makeIn(top, parent int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(top, &st); err != nil {
		return err
	}
	if err := unix.Mkdirat(parent, name, 0o750); err != nil {
		return err
	}
	fd, err := unix.Openat2(parent, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH})
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Fchmodat(unix.AT_FDCWD, procPath(fd), st.Mode&0o7777, 0)
}
