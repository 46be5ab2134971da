package engine

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// markerFS syncs a folder before a marker file is made in it.
//
// Pebble makes a new manifest, then a marker file that names it, and syncs the
// folder once, after both. A file system may keep the newer name and lose the
// older one in a crash in between; then the marker names a manifest that is
// not there, and the engine does not open.
type markerFS struct{ vfs.FS }

// markerPrefix begins the names of Pebble's marker files.
const markerPrefix = "marker."

// Create implements vfs.FS.
func (m markerFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(m.PathBase(name), markerPrefix) {
		dir, err := m.OpenDir(m.PathDir(name))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return nil, err
		}
	}
	return m.FS.Create(name, c)
}

// Unwrap implements vfs.FS.
func (m markerFS) Unwrap() vfs.FS { return m.FS }
