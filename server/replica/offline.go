package replica

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage"
)

// Offline is the state of a member that does not run, open. No server can open its data directory meanwhile,
// and nothing is compacted unless it is asked for.
type Offline struct {
	Store *storage.Store

	dir *dataDir
}

// OpenOffline opens the state in a data directory, which must be there. It fails with ErrLocked when a server has it, and
// with ErrForeign when a real etcd wrote it.
func OpenOffline(fs vfs.FS, dataDir string, logger *slog.Logger) (*Offline, error) {
	for _, known := range []string{"state", "snap", "wal"} {
		_, err := fs.Stat(fs.PathJoin(dataDir, "member", known))
		if err == nil {
			return openOffline(fs, dataDir, logger)
		}
	}
	_, err := fs.Stat(fs.PathJoin(dataDir, "member", "state"))
	return nil, err
}

// openOffline is OpenOffline of a directory that somebody's member has used.
func openOffline(fs vfs.FS, dataDir string, logger *slog.Logger) (*Offline, error) {
	dir, err := openDataDir(fs, dataDir, "")
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(dir.state, storage.Options{FS: fs, Logger: logger, Still: true})
	if err != nil {
		return nil, errors.Join(dirError(err), dir.close())
	}
	return &Offline{Store: store, dir: dir}, nil
}

// Close closes the state and lets servers have the directory again.
func (o *Offline) Close() error {
	if err := errors.Join(o.Store.Close(), o.dir.close()); err != nil {
		return fmt.Errorf("replica: close: %w", err)
	}
	return nil
}
