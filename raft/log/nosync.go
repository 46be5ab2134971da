package log

import "github.com/cockroachdb/pebble/v2/vfs"

// noSyncFS writes without syncing (Options.UnsafeNoSync): what was written survives the end of the process, not the
// machine's.
type noSyncFS struct{ vfs.FS }

// Create implements vfs.FS.
func (fs noSyncFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return noSync(fs.FS.Create(name, category))
}

// OpenReadWrite implements vfs.FS.
func (fs noSyncFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return noSync(fs.FS.OpenReadWrite(name, category, opts...))
}

// OpenDir implements vfs.FS.
func (fs noSyncFS) OpenDir(name string) (vfs.File, error) { return noSync(fs.FS.OpenDir(name)) }

// noSync wraps a file that was opened.
func noSync(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

// noSyncFile is a file whose syncs do nothing.
type noSyncFile struct{ vfs.File }

// Sync implements vfs.File.
func (noSyncFile) Sync() error { return nil }

// SyncData implements vfs.File.
func (noSyncFile) SyncData() error { return nil }

// SyncTo implements vfs.File.
func (noSyncFile) SyncTo(int64) (fullSync bool, err error) { return true, nil }
