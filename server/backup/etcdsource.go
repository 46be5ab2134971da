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
	s, has, err := openDatabase(contents, meter)
	if err != nil {
		return nil, err
	}
	s.etcd, s.tail = contents, missing(has, contents.Entries)
	return s, nil
}

// openDatabase opens the database in a directory of etcd and returns its consistent index, that of the last entry that it is
// certain to hold. What the directory's log lacks is in it: as etcd does when it starts, openDatabase passes over a database
// that is older than the snapshot for the one that came with the snapshot.
func openDatabase(c *etcddir.Contents, meter *Meter) (s *source, has uint64, err error) {
	for _, path := range []string{c.Database, c.Received} {
		s, has, err = openIndexed(path, meter)
		if errors.Is(err, fs.ErrNotExist) && path == c.Received {
			return nil, 0, fmt.Errorf("%w: %s is older than the snapshot of index %d, and %s does not exist",
				etcddb.ErrCorrupt, c.Database, c.Index, path)
		}
		if err != nil || has >= c.Index {
			return s, has, err
		}
		if err := s.close(); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, fmt.Errorf("%w: %s is older than the snapshot of index %d", etcddb.ErrCorrupt, c.Received, c.Index)
}

// openIndexed opens one database with its consistent index.
func openIndexed(path string, meter *Meter) (*source, uint64, error) {
	s, err := openSource(path, meter)
	if err != nil {
		return nil, 0, err
	}
	if s.db == nil {
		return nil, 0, errors.Join(fmt.Errorf("%s: %w", path, etcddb.ErrForeign), s.close())
	}
	has, err := consistentIndex(s.db)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("%s: %w", path, err), s.close())
	}
	return s, has, nil
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

// consistentIndex is 0 in a database that has none yet.
func consistentIndex(db *etcddb.File) (uint64, error) {
	b, err := db.Get(etcddb.BucketMeta, etcddb.MetaConsistentIndex)
	if err != nil || b == nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: consistent index", etcddb.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(b), nil
}

// missing are the requests of API 3 in the log that the database may lack: those after its consistent index. etcd applies
// them again when it starts. That some are in the database already does no harm, as they change nothing the second time.
func missing(has uint64, entries []etcddir.Entry) []*pb.InternalRaftRequest {
	var requests []*pb.InternalRaftRequest
	for _, e := range entries {
		if e.Index > has && e.V3 != nil && e.V3.ClusterMemberAttrSet == nil && e.V3.ClusterVersionSet == nil {
			requests = append(requests, e.V3)
		}
	}
	return requests
}
