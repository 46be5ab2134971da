package runtime

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// dup opens a file once more, so that it can be used while its owner closes it.
func dup(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
