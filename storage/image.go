package storage

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
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
