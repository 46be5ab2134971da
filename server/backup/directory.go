package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// DirectoryConfig says which data directory to copy, and where to. Empty log directories are in the data directories.
type DirectoryConfig struct {
	DataDir, WALDir         string
	BackupDir, BackupWALDir string // BackupDir must be new or empty, BackupWALDir new
	WithV3                  bool   // copy the keys of API 3 and what belongs to them, too
	Logger                  *slog.Logger
}

// The member that a copy starts as, unless flags say otherwise: what etcd's flags default to.
const (
	copyName = "default"
	copyURL  = "http://localhost:2380"
)

// CopyDirectory makes, of the data directory of a member of petcd, one that starts as the only member of a new cluster. The
// member may be running: the copy then holds at least what it had acknowledged before.
func CopyDirectory(ctx context.Context, c DirectoryConfig) error {
	if err := exists(c.DataDir); err != nil {
		return err
	}
	if err := c.apart(); err != nil {
		return err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	restore := RestoreConfig{
		Name: copyName, InitialCluster: copyName + "=" + copyURL, PeerURLs: []string{copyURL},
		// The ids of cluster and member are made of it, and no two copies may share them.
		Token: "backup-" + rand.Text(),
	}
	cluster, err := restore.cluster(ctx)
	if err != nil {
		return err
	}
	err = replica.Restore(replica.Restoration{
		DataDir: c.BackupDir, WALDir: c.BackupWALDir, Name: copyName, InitialCluster: cluster, Token: restore.Token,
		Fill: replica.FromDirectory(vfs.Default, c.DataDir, c.WALDir, c.Logger),
		Edit: func(e *storage.Edit) error {
			if c.WithV3 {
				return nil
			}
			return e.DropKeys()
		},
	})
	if errors.Is(err, replica.ErrForeign) {
		return fmt.Errorf("%w: %w", ErrOfEtcd, err)
	}
	return err
}
