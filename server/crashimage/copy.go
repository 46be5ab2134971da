package crashimage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	// ErrBusy says that the folder changed during each of many attempts.
	ErrBusy = errors.New("crashimage: the folder keeps changing")
	// ErrNoDatabase says that a folder holds no Pebble database.
	ErrNoDatabase = errors.New("crashimage: no database")
	// ErrLogged says that a database has a write-ahead log, which would be missing in the copy.
	ErrLogged = errors.New("crashimage: the database has a write-ahead log")
)

const (
	attemptsMax  = 100
	attemptPause = 20 * time.Millisecond // flushes and compactions that change a manifest come in bursts
)

// emptyLogBytes is how long a log without a write may be: Pebble makes one at each start, also where its log is off, and ends
// it with the header of a chunk when it is closed.
const emptyLogBytes = 11

// Copy copies the database in the folder from, which has no write-ahead log, into the folder to, which must not exist, and
// makes it durable.
func Copy(vfsFS vfs.FS, from, to string) error {
	for n := 1; ; n++ {
		changed, err := attempt(vfsFS, from, to)
		if err == nil && !changed {
			return nil
		}
		if remove := vfsFS.RemoveAll(to); err != nil || remove != nil {
			return errors.Join(err, remove)
		}
		if n == attemptsMax {
			return fmt.Errorf("%w: %s, %d times", ErrBusy, from, n)
		}
		time.Sleep(attemptPause)
	}
}

// attempt is Copy once; changed tells that the source changed meanwhile.
func attempt(vfsFS vfs.FS, from, to string) (changed bool, err error) {
	before, err := list(vfsFS, from)
	if err != nil {
		return false, err
	}
	c := &copier{fs: vfsFS, from: from, to: to}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := vfsFS.MkdirAll(to, 0o700); err != nil {
		return false, fmt.Errorf("crashimage: make %s: %w", to, err)
	}
	manifest, err := c.read(before.manifest)
	if err == nil {
		// Names are listed again: what the manifest names by now was there before it was read.
		var files *listing
		if files, err = list(vfsFS, from); err == nil {
			err = c.take(files)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // removed since it was listed
	}
	if err != nil {
		return false, err
	}
	after, err := list(vfsFS, from)
	if err != nil {
		return false, err
	}
	if !before.sameMarkers(after) {
		return true, nil
	}
	size, err := c.size(before.manifest)
	if err != nil || size != int64(len(manifest)) {
		return errors.Is(err, fs.ErrNotExist) || err == nil, ignoreGone(err)
	}
	return false, c.finish(before, manifest)
}

// ignoreGone is nil for an error that a removed file explains.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copier is one attempt. Tables are opened, and so kept, before it is known whether the attempt holds; their contents,
// which may take long, are copied afterwards.
type copier struct {
	fs       vfs.FS
	from, to string
	tables   []table
}

// table is an open file that never changes.
type table struct {
	name string
	file vfs.File
}

// close closes the tables.
func (c *copier) close() error {
	var errs []error
	for _, t := range c.tables {
		errs = append(errs, t.file.Close())
	}
	return errors.Join(errs...)
}

// take opens the tables and copies the small files.
func (c *copier) take(files *listing) error {
	if err := c.refuseLogs(files.logs); err != nil {
		return err
	}
	for _, name := range files.tables {
		f, err := c.fs.Open(c.fs.PathJoin(c.from, name))
		if err != nil {
			return fmt.Errorf("crashimage: open %s: %w", name, err)
		}
		c.tables = append(c.tables, table{name, f})
	}
	for _, name := range files.small {
		b, err := c.read(name)
		if err == nil {
			err = c.write(name, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refuseLogs refuses logs with a write in them.
func (c *copier) refuseLogs(names []string) error {
	for _, name := range names {
		size, err := c.size(name)
		if err != nil {
			return err
		}
		if size > emptyLogBytes {
			return fmt.Errorf("%w: %s in %s", ErrLogged, name, c.from)
		}
	}
	return nil
}

// finish writes what names the rest, and the tables.
func (c *copier) finish(files *listing, manifest []byte) error {
	for _, t := range c.tables {
		if err := c.copyTable(t); err != nil {
			return err
		}
	}
	if err := c.write(files.manifest, manifest); err != nil {
		return err
	}
	for _, name := range files.markers {
		if err := c.write(name, nil); err != nil {
			return err
		}
	}
	return c.syncDir()
}

// copyTable copies a file that never changes.
func (c *copier) copyTable(t table) (err error) {
	out, err := c.create(t.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, t.file); err != nil {
		return fmt.Errorf("crashimage: copy %s: %w", t.name, err)
	}
	return out.Sync()
}

// read reads a small file.
func (c *copier) read(name string) ([]byte, error) {
	f, err := c.fs.Open(c.fs.PathJoin(c.from, name))
	if err != nil {
		return nil, fmt.Errorf("crashimage: open %s: %w", name, err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("crashimage: read %s: %w", name, err)
	}
	return b, nil
}

// size is that of a file now.
func (c *copier) size(name string) (int64, error) {
	info, err := c.fs.Stat(c.fs.PathJoin(c.from, name))
	if err != nil {
		return 0, fmt.Errorf("crashimage: size of %s: %w", name, err)
	}
	return info.Size(), nil
}

// create makes a file of the copy.
func (c *copier) create(name string) (vfs.File, error) {
	f, err := c.fs.Create(c.fs.PathJoin(c.to, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("crashimage: create %s: %w", name, err)
	}
	return f, nil
}

// write makes a small file of the copy.
func (c *copier) write(name string, b []byte) error {
	f, err := c.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("crashimage: write %s: %w", name, err)
	}
	return nil
}

// syncDir makes the copy's names durable.
func (c *copier) syncDir() error {
	d, err := c.fs.OpenDir(c.to)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("crashimage: sync the copy's folder: %w", err)
	}
	return nil
}
