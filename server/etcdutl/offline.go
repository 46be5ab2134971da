package etcdutl

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/server/replica"
)

// offline is a data directory that no server has open.
type offline = replica.Offline

// lockPause is how long to wait before a locked directory is tried again.
const lockPause = 100 * time.Millisecond

// offline calls fn with a data directory, for which it waits as long as --timeout says.
func (u *utl) offline(dir string, fn func(*offline) error) (err error) {
	begun := time.Now()
	var o *offline
	for {
		o, err = replica.OpenOffline(vfs.Default, dir, u.log)
		late := u.flags.timeout > 0 && time.Since(begun) >= u.flags.timeout
		if !errors.Is(err, replica.ErrLocked) || late {
			break
		}
		time.Sleep(lockPause)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return fn(o)
}
