package shim

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo terminal of the container whose root the caller's thread has. What lies there may be the container's
// doing, so it is looked at before it is used.
func openTerminal(size [2]uint16, owner uint32) (master *os.File, slave int, err error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, "/dev/pts/ptmx", &unix.OpenHow{
		Flags: unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, -1, fmt.Errorf("terminal: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return nil, -1, fmt.Errorf("terminal: %w", err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return nil, -1, fmt.Errorf("terminal: /dev/pts/ptmx is no terminal")
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, -1, fmt.Errorf("terminal: unlock: %w", err)
	}
	if err := setSize(fd, size[0], size[1]); err != nil {
		return nil, -1, err
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return nil, -1, fmt.Errorf("terminal: other end: %w", errno)
	}
	slave = int(peer)
	if err := unix.Fchown(slave, int(owner), -1); err != nil {
		_ = unix.Close(slave)
		return nil, -1, fmt.Errorf("terminal: owner: %w", err)
	}
	return os.NewFile(uintptr(fd), "terminal"), slave, nil
}

// setSize tells a terminal how large its window is.
func setSize(fd int, width, height uint16) error {
	if width == 0 && height == 0 {
		return nil
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		return fmt.Errorf("terminal: size: %w", err)
	}
	return nil
}
