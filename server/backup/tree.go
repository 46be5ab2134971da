package backup

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/server/etcddir"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// WalkTree calls fn with the nodes of the v2 tree in a data directory, a directory before what is in it, and returns the
// tree's index. The directory is petcd's, also while a server uses it, or that of a member of etcd 3.4 or 3.5 which does not
// run. Paths have their namespaces: /1 before clients' keys, /2 before what authentication keeps.
func WalkTree(dataDir, walDir string, fn func(path string, n v2store.Stored) error) (index uint64, err error) {
	if err := exists(dataDir); err != nil {
		return 0, err
	}
	temp, err := os.MkdirTemp("", "petcd-v2-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if etcddir.Is(dataDir) {
		return walkEtcd(filepath.Join(temp, "state"), dataDir, walDir, fn)
	}
	saved, err := storage.OpenSaved(temp, storage.Options{Still: true},
		replica.FromDirectory(vfs.Default, dataDir, walDir, slog.New(slog.DiscardHandler)))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, saved.Close()) }()
	return saved.V2Index(), saved.V2Walk(fn)
}

// walkEtcd brings the tree of a directory of etcd into a state of its own, in the folder state, and walks that.
func walkEtcd(state, dataDir, walDir string, fn func(string, v2store.Stored) error) (index uint64, err error) {
	if err := notRunning(dataDir, walDir); err != nil {
		return 0, err
	}
	contents, err := etcddir.Open(dataDir, walDir)
	if err == nil {
		err = storage.Restore(state, storage.Options{}, storage.FromNothing(), func(e *storage.Edit) error {
			return importTree(contents, e.V2())
		})
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", dataDir, err)
	}
	store, err := storage.Open(state, storage.Options{Still: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.V2Index(), store.V2Walk(fn)
}
