package log

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// dirSyncFS makes the name of a new manifest durable before Pebble points its marker at it. Pebble syncs the manifest and
// then the folder with both names in it; on a file system that doesn't keep the order of names, a crash in between may
// leave a marker without its manifest.
type dirSyncFS struct{ vfs.FS }

// Create implements vfs.FS.
func (fs dirSyncFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	if err != nil || !strings.HasPrefix(fs.PathBase(name), "MANIFEST-") {
		return f, err
	}
	if err := syncDir(fs.FS, fs.PathDir(name)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
