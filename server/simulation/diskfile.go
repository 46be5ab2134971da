package simulation

import (
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// file is one open file or folder of a disk.
type file struct {
	d    *disk
	n    *inode
	name string
	at   int // where the next Read or Write begins
}

var _ vfs.File = (*file)(nil)

// Close implements vfs.File.
func (f *file) Close() error { return nil }

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, int64(f.at))
	f.at += n
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.n.folder {
		return 0, errors.New("is a folder")
	}
	if at >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, int64(f.at))
	f.at += n
	return n, err
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, at int64) (int, error) {
	if err := f.d.before(opWrite, f.name); err != nil {
		return 0, err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	end := int(at) + len(p)
	if grow := end - len(f.n.data); grow > 0 {
		f.n.data = append(f.n.data, make([]byte, grow)...)
	}
	copy(f.n.data[at:], p)
	f.n.dirty = f.n.dirty.with(span{int(at), end})
	return len(p), nil
}

// Sync implements vfs.File: what a crash leaves is what is here now.
func (f *file) Sync() error {
	if err := f.d.before(opSync, f.name); err != nil {
		return err
	}
	if f.d.faults.lies {
		return nil
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.n.folder {
		f.n.syncedChildren = maps.Clone(f.n.children)
		return nil
	}
	if grow := len(f.n.data) - len(f.n.synced); grow > 0 {
		f.n.synced = append(f.n.synced, make([]byte, grow)...)
	}
	copy(f.n.synced[f.n.dirty.from:], f.n.data[f.n.dirty.from:f.n.dirty.to])
	f.n.dirty = span{}
	return nil
}

// SyncData implements vfs.File.
func (f *file) SyncData() error { return f.Sync() }

// SyncTo implements vfs.File. It makes no promise, and does nothing.
func (f *file) SyncTo(int64) (fullSync bool, err error) { return false, nil }

// Preallocate implements vfs.File.
func (f *file) Preallocate(int64, int64) error { return nil }

// Prefetch implements vfs.File.
func (f *file) Prefetch(int64, int64) error { return nil }

// Fd implements vfs.File.
func (f *file) Fd() uintptr { return vfs.InvalidFd }

// Stat implements vfs.File.
func (f *file) Stat() (vfs.FileInfo, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return info{path.Base(f.name), int64(len(f.n.data)), f.n.folder}, nil
}

// info describes a file.
type info struct {
	name   string
	size   int64
	folder bool
}

// Name implements os.FileInfo.
func (i info) Name() string { return i.name }

// Size implements os.FileInfo.
func (i info) Size() int64 { return i.size }

// Mode implements os.FileInfo.
func (i info) Mode() os.FileMode {
	if i.folder {
		return os.ModeDir | 0o700
	}
	return 0o600
}

// ModTime implements os.FileInfo.
func (i info) ModTime() time.Time { return time.Time{} }

// IsDir implements os.FileInfo.
func (i info) IsDir() bool { return i.folder }

// Sys implements os.FileInfo.
func (i info) Sys() any { return nil }

// DeviceID implements vfs.FileInfo.
func (i info) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
