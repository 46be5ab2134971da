package etcddir

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"go.etcd.io/raft/v3/raftpb"
)

// Contents is what Open found.
type Contents struct {
	Database string // the path of the member's bbolt file
	Received string // the path of the database that came with the snapshot, if its leader sent it; it may be Database by now
	Tree     *Tree  // as of Index
	Index    uint64 // of the snapshot; 0: there was none, and the tree is empty
	Entries  []Entry
}

// Is tells whether a folder looks like a data directory of etcd.
func Is(dataDir string) bool {
	info, err := os.Stat(filepath.Join(dataDir, "member", "snap"))
	return err == nil && info.IsDir()
}

// Open reads a data directory that no member is using. An empty walDir means that the log is in dataDir.
func Open(dataDir, walDir string) (*Contents, error) {
	if !Is(dataDir) {
		return nil, ErrNotEtcd
	}
	snapDir := filepath.Join(dataDir, "member", "snap")
	if walDir == "" {
		walDir = filepath.Join(dataDir, "member", "wal")
	}
	files, err := logFiles(walDir)
	if err != nil {
		return nil, err
	}
	named, err := namedSnapshots(walDir, files)
	if err != nil {
		return nil, err
	}
	c := &Contents{Database: filepath.Join(snapDir, "db"), Tree: &Tree{}}
	snap, err := readSnapshot(snapDir, named)
	if err != nil {
		return nil, err
	}
	if snap != nil {
		c.Index = snap.GetMetadata().GetIndex()
		c.Received = filepath.Join(snapDir, fmt.Sprintf("%016x.snap.db", c.Index))
		if c.Tree, err = decodeTree(snap.GetData()); err != nil {
			return nil, err
		}
	}
	if c.Entries, err = readLog(walDir, files, c.Index); err != nil {
		return nil, err
	}
	return c, nil
}

// readSnapshot reads the newest file that is whole, of those that the log names, as etcd does since 3.4.10: a file is there
// before the log knows that it is complete. It returns nil when the log names none.
func readSnapshot(dir string, named []snapshotID) (*raftpb.Snapshot, error) {
	var damaged error
	for _, id := range named {
		name := id.file()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // etcd keeps the last few
		}
		if err != nil {
			return nil, err
		}
		snap, err := decodeSnapshot(b)
		if err == nil && (snapshotID{snap.GetMetadata().GetTerm(), snap.GetMetadata().GetIndex()}) != id {
			err = fmt.Errorf("%w: it holds another snapshot", ErrCorrupt)
		}
		if err == nil {
			return snap, nil
		}
		damaged = errors.Join(damaged, fmt.Errorf("%s: %w", name, err))
	}
	return nil, damaged
}

// logFiles are the files of the log, in order.
func logFiles(dir string) ([]walFile, error) {
	names, err := list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing; if the member had a --wal-dir, it must be given", ErrNotEtcd, dir)
	}
	if err != nil {
		return nil, err
	}
	return filesOf(names)
}

// namedSnapshots are the snapshots that the log names and that are not beyond its commit index, newest first.
func namedSnapshots(dir string, files []walFile) ([]snapshotID, error) {
	w := &wal{after: math.MaxUint64} // entries do not matter yet
	if err := w.read(dir, files); err != nil {
		return nil, err
	}
	return w.snapshotsMade(), nil
}

// readLog reads the entries after an index, up to the commit index.
func readLog(dir string, files []walFile, after uint64) ([]Entry, error) {
	files, err := filesFrom(files, after)
	if err != nil {
		return nil, err
	}
	w := &wal{after: after, commit: after}
	if err := w.read(dir, files); err != nil {
		return nil, err
	}
	return w.committed()
}

// list is the names in a folder.
func list(dir string) (names []string, err error) {
	found, err := os.ReadDir(dir)
	for _, f := range found {
		names = append(names, f.Name())
	}
	return names, err
}
