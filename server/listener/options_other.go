//go:build !unix

package listener

import (
	"errors"
	"syscall"
)

// setOptions refuses options that this system does not have.
func setOptions(_ syscall.RawConn, o Options) error {
	if o.ReusePort || o.ReuseAddress {
		return errors.New("listener: socket options are not supported on this system")
	}
	return nil
}
