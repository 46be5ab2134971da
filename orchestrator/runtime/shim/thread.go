package shim

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread calls f on a thread of its own with a root and working folder of its own, and ends that thread afterwards: f may enter
// whatever namespaces it likes.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			done <- fmt.Errorf("shim: unshare: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// namespaces are those of a process, kept open.
type namespaces struct{ net, ipc, uts, mnt, pid int }

// open keeps the namespaces of a child that was not waited for.
func (n *namespaces) open(pid int) error {
	for name, fd := range map[string]*int{"net": &n.net, "ipc": &n.ipc, "uts": &n.uts, "mnt": &n.mnt, "pid": &n.pid} {
		var err error
		if *fd, err = unix.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, name), unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("shim: namespace %s: %w", name, err)
		}
	}
	return nil
}

// enter puts the caller's thread into a namespace.
func enter(fd, kind int, what string) error {
	if err := unix.Setns(fd, kind); err != nil {
		return fmt.Errorf("shim: enter the %s: %w", what, err)
	}
	return nil
}
