package storage

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage/schema"
)

// imageTriesMax bounds how often the state may be replaced, by snapshots that
// are installed, while an image is made.
const imageTriesMax = 10

// Image makes in the folder to an image of the state in dir, which a process
// may have open: what a crash would have left. The engine's folder is copied
// by copyEngine, and to must not exist. It returns the name of the engine's
// folder in to, which is ready to be opened. On error the caller removes to.
func Image(vfsFS vfs.FS, dir, to string, copyEngine func(from, to string) error) (engine string, err error) {
	if err := vfsFS.MkdirAll(to, 0o700); err != nil {
		return "", fmt.Errorf("storage: image: %w", err)
	}
	for n := 1; ; n++ {
		engine, err = readPointer(vfsFS, dir)
		if err != nil {
			return "", fmt.Errorf("storage: image: %w", err)
		}
		copied := copyEngine(vfsFS.PathJoin(dir, engine), vfsFS.PathJoin(to, engine))
		after, err := readPointer(vfsFS, dir)
		switch {
		case err != nil:
			return "", fmt.Errorf("storage: image: %w", err)
		case after == engine && copied != nil:
			return "", copied
		case after == engine:
			return engine, writePointer(vfsFS, to, engine)
		case n == imageTriesMax:
			return "", fmt.Errorf("storage: image: %s was replaced %d times", dir, n)
		}
		if err := vfsFS.RemoveAll(vfsFS.PathJoin(to, engine)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("storage: image: %w", err)
		}
	}
}

// DropKeys takes everything out of the state but the v2 tree and the records
// of the members: keys with their history, leases, users and roles, alarms. The
// revision is that of a new store.
func (e *Edit) DropKeys() error {
	tables := []Table{
		schema.TableHeads, schema.TableVersions, schema.TableRevisions, schema.TableLeases, schema.TableLeaseKeys,
		schema.TableRuns, schema.TableAlarms, schema.TableAuth, schema.TableAuthUsers, schema.TableAuthRoles,
	}
	for _, t := range tables {
		lower, upper := schema.TableBounds(t)
		if err := e.b.DeleteRange(lower, upper); err != nil {
			return err
		}
	}
	for _, name := range []string{schema.StateCompacted, schema.StateScrubbed} {
		if err := e.b.Delete(schema.AppendRecordKey(nil, schema.TableState, []byte(name))); err != nil {
			return err
		}
	}
	e.applied.Revision = 1
	e.compact = true
	return nil
}

// EngineFolder is the name of the engine's folder in the state in dir.
func EngineFolder(vfsFS vfs.FS, dir string) (string, error) { return readPointer(vfsFS, dir) }
