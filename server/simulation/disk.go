package simulation

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// inode is a file or a folder, and how it would be after a crash.
type inode struct {
	folder         bool
	data, synced   []byte
	dirty          span // of data, since the last sync
	children       map[string]*inode
	syncedChildren map[string]*inode
}

// span is a run of bytes, empty if it ends where it begins.
type span struct{ from, to int }

func (s span) with(o span) span {
	if s.from == s.to {
		return o
	}
	return span{min(s.from, o.from), max(s.to, o.to)}
}

func newFolder() *inode {
	return &inode{folder: true, children: map[string]*inode{}, syncedChildren: map[string]*inode{}}
}

// disk is a file system in memory that knows what a crash would leave. Pebble's own cannot stand in for it: what its crashes
// leave follows from the order of a map.
type disk struct {
	faults diskFaults

	mu    sync.Mutex
	root  *inode
	locks map[string]bool
}

func newDisk(rng *rand.Rand) *disk {
	return &disk{root: newFolder(), locks: map[string]bool{}, faults: diskFaults{rng: rng}}
}

var _ vfs.FS = (*disk)(nil)

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// find returns what has a name; nil when nothing has.
func (d *disk) find(name string) *inode {
	n := d.root
	for part := range strings.SplitSeq(clean(name), "/") {
		if part == "" {
			continue
		}
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

// place returns the folder that a name is in, and the name there.
func (d *disk) place(op, name string) (*inode, string, error) {
	dir := d.find(path.Dir(clean(name)))
	if dir == nil || !dir.folder {
		return nil, "", &os.PathError{Op: op, Path: name, Err: os.ErrNotExist}
	}
	return dir, path.Base(name), nil
}

// Create implements vfs.FS.
func (d *disk) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.before(opWrite, name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.place("create", name)
	if err != nil {
		return nil, err
	}
	n := &inode{}
	dir.children[base] = n
	return &file{d: d, n: n, name: name}, nil
}

// Link implements vfs.FS.
func (d *disk) Link(from, to string) error {
	if err := d.before(opName, to); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(from)
	dir, base, err := d.place("link", to)
	switch {
	case err != nil:
		return err
	case n == nil:
		return &os.PathError{Op: "link", Path: from, Err: os.ErrNotExist}
	case dir.children[base] != nil:
		return &os.PathError{Op: "link", Path: to, Err: os.ErrExist}
	}
	dir.children[base] = n
	return nil
}

// Open implements vfs.FS.
func (d *disk) Open(name string, _ ...vfs.OpenOption) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return &file{d: d, n: n, name: name}, nil
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	if f, err := d.Open(name, o...); err == nil {
		return f, nil
	}
	return d.Create(name, c)
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) { return d.Open(name) }

// Remove implements vfs.FS.
func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.place("remove", name)
	if err != nil {
		return err
	}
	n := dir.children[base]
	switch {
	case n == nil:
		return &os.PathError{Op: "remove", Path: name, Err: os.ErrNotExist}
	case len(n.children) > 0:
		return &os.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	delete(dir.children, base)
	return nil
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dir, base, err := d.place("remove", name); err == nil {
		delete(dir.children, base)
	}
	return nil
}

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	if err := d.before(opName, to); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	source, old, err := d.place("rename", from)
	if err != nil {
		return err
	}
	target, base, err := d.place("rename", to)
	if err != nil {
		return err
	}
	n := source.children[old]
	if n == nil {
		return &os.PathError{Op: "rename", Path: from, Err: os.ErrNotExist}
	}
	delete(source.children, old)
	target.children[base] = n
	return nil
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.Rename(from, to); err != nil {
		return nil, err
	}
	return d.OpenReadWrite(to, c)
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(name string, _ os.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	for part := range strings.SplitSeq(clean(name), "/") {
		if part == "" {
			continue
		}
		next := n.children[part]
		if next == nil {
			next = newFolder()
			n.children[part] = next
		}
		if n = next; !n.folder {
			return &os.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
	}
	return nil
}

// Lock implements vfs.FS.
func (d *disk) Lock(name string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[name] {
		return nil, fmt.Errorf("lock held: %s", name)
	}
	dir, base, err := d.place("lock", name)
	if err != nil {
		return nil, err
	}
	if dir.children[base] == nil {
		dir.children[base] = &inode{}
	}
	d.locks[name] = true
	return lock{d, name}, nil
}

type lock struct {
	d    *disk
	name string
}

// Close gives the lock back.
func (l lock) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	delete(l.d.locks, l.name)
	return nil
}

// List implements vfs.FS.
func (d *disk) List(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil || !n.folder {
		return nil, &os.PathError{Op: "list", Path: name, Err: os.ErrNotExist}
	}
	return slices.Sorted(maps.Keys(n.children)), nil
}

// Stat implements vfs.FS.
func (d *disk) Stat(name string) (vfs.FileInfo, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	return f.Stat()
}

// PathBase implements vfs.FS.
func (d *disk) PathBase(name string) string { return path.Base(name) }

// PathJoin implements vfs.FS.
func (d *disk) PathJoin(parts ...string) string { return path.Join(parts...) }

// PathDir implements vfs.FS.
func (d *disk) PathDir(name string) string { return path.Dir(name) }

// GetDiskUsage implements vfs.FS.
func (d *disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40}, nil
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return nil }
