package backup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"

	"github.com/petcd/petcd/server/etcddir"
	"github.com/petcd/petcd/storage/etcddb"
)

// openEtcd opens the data directory of a member of etcd that does not run: its database, and its v2 tree. Both are of one
// moment only if the database has all that the log says of API 3, which etcd sees to when it stops.
func openEtcd(dataDir, walDir string, meter *Meter) (*source, error) {
	if err := notRunning(dataDir, walDir); err != nil {
		return nil, err
	}
	contents, err := etcddir.Open(dataDir, walDir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dataDir, err)
	}
	s, err := openSource(contents.Database, meter)
	if err != nil {
		return nil, err
	}
	if s.db == nil {
		err = fmt.Errorf("%s: %w", contents.Database, etcddb.ErrForeign)
	} else if err = checkWhole(s.db, contents); err != nil {
		err = fmt.Errorf("%s: %w", dataDir, err)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.etcd = contents
	return s, nil
}

// notRunning refuses a directory whose log a server has locked.
func notRunning(dataDir, walDir string) error {
	if walDir == "" {
		walDir = filepath.Join(dataDir, "member", "wal")
	}
	files, err := filepath.Glob(filepath.Join(walDir, "*.wal"))
	if err != nil {
		return err
	}
	for _, path := range files {
		lock, err := fileutil.TryLockFile(path, os.O_WRONLY, 0)
		switch {
		case errors.Is(err, fileutil.ErrLocked):
			return fmt.Errorf("%s: %w", dataDir, ErrInUse)
		case errors.Is(err, fs.ErrPermission): // it may be read, and somebody else looks after it
		case err != nil:
			return err
		default:
			if err := lock.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkWhole refuses a database that lacks entries of the log, as after a crash.
func checkWhole(db *etcddb.File, c *etcddir.Contents) error {
	b, err := db.Get(etcddb.BucketMeta, etcddb.MetaConsistentIndex)
	if err != nil {
		return err
	}
	if b != nil && len(b) != 8 {
		return fmt.Errorf("%w: consistent index", etcddb.ErrCorrupt)
	}
	has := uint64(0)
	if b != nil {
		has = binary.BigEndian.Uint64(b)
	}
	for _, e := range c.Entries {
		if e.Index > has && e.V3 != nil && e.V3.ClusterMemberAttrSet == nil && e.V3.ClusterVersionSet == nil {
			return fmt.Errorf("%w: it ends at entry %d, and entry %d is a request of API 3; start etcd there once more, and stop it",
				ErrBehind, has, e.Index)
		}
	}
	return nil
}
