package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaceDir is where `ip netns` looks for namespaces.
const namespaceDir = "/run/netns"

// namespace is a network namespace by name.
type namespace string

func (n namespace) path() string { return filepath.Join(namespaceDir, string(n)) }

// do runs f on a thread in the namespace. The thread ends with it.
func (n namespace) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: nothing else shall run on a thread that is elsewhere
		done <- func() error {
			ns, err := netns.GetFromPath(n.path())
			if err == nil {
				err = errors.Join(netns.Set(ns), ns.Close())
			}
			if err != nil {
				return fmt.Errorf("up: enter namespace %s: %w", n, err)
			}
			return f()
		}()
	}()
	return <-done
}

// shareNamespaceDir makes the folder what `ip netns add` makes of it: a mount of its own that is shared. Were it to do that later, it
// would cover the names that are there, and nobody could take them away any more.
func shareNamespaceDir() error {
	if err := os.MkdirAll(namespaceDir, 0o755); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	share := func() error { return unix.Mount("", namespaceDir, "none", unix.MS_SHARED|unix.MS_REC, "") }
	err := share()
	if errors.Is(err, unix.EINVAL) { // it isn't a mount yet
		if err = unix.Mount(namespaceDir, namespaceDir, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = share()
		}
	}
	if err != nil {
		return fmt.Errorf("up: share %s: %w", namespaceDir, err)
	}
	return nil
}

// create makes the namespace, with its loopback up and packets forwarded.
func (n namespace) create() error {
	if err := shareNamespaceDir(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // as in do
		ns, err := netns.NewNamed(string(n))
		if err == nil {
			err = ns.Close()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("up: make namespace %s: %w", n, err)
	}
	return n.do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err == nil {
			err = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
		}
		if err != nil {
			return fmt.Errorf("up: set up namespace %s: %w", n, err)
		}
		return nil
	})
}

// remove takes the namespace's name away. It goes with the last process in it.
func (n namespace) remove() error {
	if err := unix.Unmount(n.path(), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("up: namespace %s: %w", n, err)
	}
	if err := os.Remove(n.path()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("up: namespace %s: %w", n, err)
	}
	return nil
}

// start runs a program in the namespace.
func (n namespace) start(cmd *exec.Cmd) error { return n.do(cmd.Start) }

// dial connects to what is reached from the namespace.
func (n namespace) dial(ctx context.Context, address string) (conn net.Conn, err error) {
	err = n.do(func() error {
		var d net.Dialer // one address, no name: it connects on this thread
		conn, err = d.DialContext(ctx, "tcp", address)
		return err
	})
	return conn, err
}

// exists tells whether there is a namespace of the name.
func (n namespace) exists() bool {
	var st syscall.Stat_t
	return syscall.Stat(n.path(), &st) == nil
}
