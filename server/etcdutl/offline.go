package etcdutl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/replica"
)

// offline is a data directory that no server has open.
type offline = replica.Offline

// lockPause is how long to wait before a locked directory is tried again.
const lockPause = 100 * time.Millisecond

// whenUnlocked opens a data directory, for which it waits as long as --timeout says.
func whenUnlocked[T any](u *utl, open func() (T, error)) (T, error) {
	for begun := time.Now(); ; time.Sleep(lockPause) {
		opened, err := open()
		late := u.flags.timeout > 0 && time.Since(begun) >= u.flags.timeout
		if !errors.Is(err, replica.ErrLocked) || late {
			return opened, err
		}
	}
}

// offline calls fn with a data directory once it is not in use.
func (u *utl) offline(dir string, fn func(*offline) error) (err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dir, backup.ErrNoDirectory)
	}
	o, err := whenUnlocked(u, func() (*offline, error) { return replica.OpenOffline(vfs.Default, dir, u.log) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return fn(o)
}
