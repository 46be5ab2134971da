package network

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// handle opens a netlink socket in a network namespace.
func handle(netns *os.File) (*netlink.Handle, error) {
	var h *netlink.Handle
	err := Within(netns, func() error {
		var err error
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network: netlink: %w", err)
	}
	return h, nil
}

// Within calls f on a thread in a network namespace; the thread ends afterwards. A socket that f makes is in that namespace for good.
func Within(netns *os.File, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if err := unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("network: enter the namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
