package log

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// extend makes an empty file n bytes long, of zeros that have their place on the disk already. Where that cannot be had the
// file grows with what is written. (vfs.File's Preallocate keeps the length.)
func extend(f vfs.File, n int64) {
	if fd := f.Fd(); fd != vfs.InvalidFd && n > 0 {
		_ = unix.Fallocate(int(fd), 0, 0, n)
	}
}
