package backup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"

	"github.com/petcd/petcd/server/etcddir"
	"github.com/petcd/petcd/storage/etcddb"
)

// openEtcd opens the data directory of a member of etcd that does not run: its database, its v2 tree, and what the log holds
// beyond them.
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
	} else if s.tail, err = missing(s.db, contents); err != nil {
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

// missing are the requests of API 3 in the log that the database may lack: those after its consistent index. etcd applies
// them again when it starts. That some are in the database already does no harm, as they change nothing the second time.
func missing(db *etcddb.File, c *etcddir.Contents) ([]*pb.InternalRaftRequest, error) {
	b, err := db.Get(etcddb.BucketMeta, etcddb.MetaConsistentIndex)
	if err != nil {
		return nil, err
	}
	if b != nil && len(b) != 8 {
		return nil, fmt.Errorf("%w: consistent index", etcddb.ErrCorrupt)
	}
	has := uint64(0)
	if b != nil {
		has = binary.BigEndian.Uint64(b)
	}
	if has < c.Index {
		// The entries between are not in the log that was read. etcd commits its database before it takes a snapshot, so
		// there was no request among them that changed a key.
		has = c.Index
	}
	var requests []*pb.InternalRaftRequest
	for _, e := range c.Entries {
		if e.Index > has && e.V3 != nil && e.V3.ClusterMemberAttrSet == nil && e.V3.ClusterVersionSet == nil {
			requests = append(requests, e.V3)
		}
	}
	return requests, nil
}
