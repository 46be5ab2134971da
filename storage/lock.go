package storage

import (
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage/schema"
)

// lockFolder keeps other processes, and other stores of this one, out of dir.
func lockFolder(fs vfs.FS, dir string) (io.Closer, error) {
	l, err := fs.Lock(fs.PathJoin(dir, schema.LockFile))
	if err != nil {
		return nil, fmt.Errorf("storage: %s is in use: %w", dir, err)
	}
	return l, nil
}
