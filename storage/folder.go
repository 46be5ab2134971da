package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// firstEngine is the folder of the engine that a new store begins with.
const firstEngine = schema.EnginePrefix + "000001"

// initFolder is where that engine is made, until it is complete.
const initFolder = schema.StagePrefix + "init"

// locate returns the name of the engine's folder in dir, making the first one
// when dir is new. An error leaves dir as it was.
func locate(dir string, o Options) (string, error) {
	names, err := o.FS.List(dir)
	if err != nil {
		return "", fmt.Errorf("storage: %w", err)
	}
	if slices.Contains(names, schema.PointerFile) {
		folder, err := readPointer(o.FS, dir)
		if err != nil {
			return "", err
		}
		if !slices.Contains(names, folder) {
			return "", fmt.Errorf("%w: the pointer file names %s, which is missing", ErrCorrupt, folder)
		}
		return folder, nil
	}
	for _, n := range names {
		if n != firstEngine && strings.HasPrefix(n, schema.EnginePrefix) {
			return "", fmt.Errorf("%w: the pointer file of %s is missing", ErrCorrupt, dir)
		}
		if n != schema.LockFile && n != firstEngine && !leftover(n) {
			return "", fmt.Errorf("%w: %s has no pointer file, but %s", ErrForeign, dir, n)
		}
	}
	if slices.Contains(names, firstEngine) {
		return firstEngine, adopt(dir, o)
	}
	return firstEngine, initialize(dir, o)
}

// leftover says that a name is of something that a crash may leave and that
// nothing refers to.
func leftover(name string) bool {
	return name == schema.PointerTempFile ||
		strings.HasPrefix(name, schema.StagePrefix) || strings.HasPrefix(name, schema.CheckpointPrefix)
}

// initialize makes an empty engine. It is built under a name that may be
// removed, so that at no time a folder that could hold a state is taken for
// a leftover.
func initialize(dir string, o Options) error {
	temp := o.FS.PathJoin(dir, initFolder)
	if err := o.FS.RemoveAll(temp); err != nil {
		return fmt.Errorf("storage: initialize: %w", err)
	}
	if err := createEmpty(temp, o); err != nil {
		return err
	}
	if err := o.FS.Rename(temp, o.FS.PathJoin(dir, firstEngine)); err != nil {
		return fmt.Errorf("storage: initialize: %w", err)
	}
	if err := syncDir(o.FS, dir); err != nil {
		return fmt.Errorf("storage: initialize: %w", err)
	}
	return writePointer(o.FS, dir, firstEngine)
}

// createEmpty makes the engine of a new store.
func createEmpty(dir string, o Options) error {
	db, err := engine.Create(dir, o.engine())
	if err != nil {
		return err
	}
	b := db.NewBatch()
	err = b.SetApplied(schema.Applied{Revision: 1})
	if err == nil {
		err = b.Commit()
	}
	if err == nil {
		err = db.Flush()
	}
	return errors.Join(err, db.Close())
}

// adopt finishes an initialize that a crash cut off after its rename. An
// engine that holds anything has lost its pointer file some other way.
func adopt(dir string, o Options) error {
	applied, err := engine.Inspect(o.FS.PathJoin(dir, firstEngine), o.engine(), nil)
	if err != nil {
		return err
	}
	if applied.Index != 0 {
		return fmt.Errorf("%w: the pointer file of %s is missing", ErrCorrupt, dir)
	}
	return writePointer(o.FS, dir, firstEngine)
}

// makeFolder makes dir, and its name durable in its parent.
func makeFolder(vfsFS vfs.FS, dir string) error {
	if _, err := vfsFS.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: %w", err)
	}
	if err := vfsFS.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	if err := syncDir(vfsFS, vfsFS.PathDir(dir)); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	return nil
}

// removeLeftovers removes what crashes have left in dir: half-received
// snapshots, checkpoints, and engines that the pointer file no longer names.
func removeLeftovers(vfsFS vfs.FS, dir, current string) error {
	names, err := vfsFS.List(dir)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	for _, n := range names {
		if n != current && (leftover(n) || strings.HasPrefix(n, schema.EnginePrefix)) {
			if err := vfsFS.RemoveAll(vfsFS.PathJoin(dir, n)); err != nil {
				return fmt.Errorf("storage: remove leftover: %w", err)
			}
		}
	}
	return nil
}
