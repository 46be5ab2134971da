//go:build unix

package listener

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// setOptions sets the options before the socket is bound.
func setOptions(c syscall.RawConn, o Options) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) {
		if o.ReusePort {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}
		if o.ReuseAddress {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		}
	})
	return errors.Join(ctlErr, err)
}
