package etcddir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
)

// Contents is what Open found.
type Contents struct {
	Database string // the path of the member's bbolt file
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
	c := &Contents{Database: filepath.Join(snapDir, "db"), Tree: &Tree{}}
	snap, err := newestSnapshot(snapDir)
	if err != nil {
		return nil, err
	}
	if snap != nil {
		c.Index = snap.GetMetadata().GetIndex()
		if c.Tree, err = decodeTree(snap.GetData()); err != nil {
			return nil, err
		}
	}
	if c.Entries, err = readLog(walDir, c.Index); err != nil {
		return nil, err
	}
	return c, nil
}

// newestSnapshot reads the newest file that is whole, as etcd does; nil when there is none.
func newestSnapshot(dir string) (*raftpb.Snapshot, error) {
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	slices.Reverse(names) // by term, then index
	var damaged error
	for _, name := range names {
		if !strings.HasSuffix(name, ".snap") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		snap, err := decodeSnapshot(b)
		if err == nil {
			return snap, nil
		}
		damaged = errors.Join(damaged, fmt.Errorf("%s: %w", name, err))
	}
	return nil, damaged
}

// readLog reads the entries after an index, up to the commit index.
func readLog(dir string, after uint64) ([]Entry, error) {
	names, err := list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing; if the member had a --wal-dir, it must be given", ErrNotEtcd, dir)
	}
	if err != nil {
		return nil, err
	}
	files, err := filesFrom(names, after)
	if err != nil {
		return nil, err
	}
	w := &wal{after: after, commit: after}
	for i, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			return nil, err
		}
		if err := w.add(f.name, b, i == len(files)-1); err != nil {
			return nil, err
		}
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
