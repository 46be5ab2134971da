package snapshot

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Partial ends the name of a folder that Unpack has not finished.
const Partial = ".partial"

// Unpack reads an archive into the folder name in parent, which must not
// exist. On return without error the folder and all in it are durable. On
// error nothing is left, or, after a crash, a folder whose name ends in
// Partial (I1).
func Unpack(r io.Reader, fs vfs.FS, parent, name string) (Header, error) {
	u := &unpacker{fs: fs, dir: fs.PathJoin(parent, name+Partial)}
	h, err := u.unpack(r)
	if err == nil {
		err = u.publish(parent, name)
	}
	if err != nil {
		return Header{}, errors.Join(err, fs.RemoveAll(u.dir))
	}
	return h, nil
}

// unpacker is the Sink that writes files.
type unpacker struct {
	fs   vfs.FS
	dir  string
	file vfs.File
}

// unpack writes and syncs all files.
func (u *unpacker) unpack(r io.Reader) (Header, error) {
	if err := u.fs.RemoveAll(u.dir); err != nil {
		return Header{}, fmt.Errorf("snapshot: %w", err)
	}
	h, _, err := Read(r, u)
	return h, errors.Join(err, u.close())
}

// Begin implements Sink.
func (u *unpacker) Begin(Header) error {
	if err := u.fs.MkdirAll(u.dir, 0o700); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// File implements Sink.
func (u *unpacker) File(name string, size int64) error {
	if err := u.close(); err != nil {
		return err
	}
	f, err := u.fs.Create(u.fs.PathJoin(u.dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	u.file = f
	return nil
}

// Write implements Sink.
func (u *unpacker) Write(p []byte) (int, error) {
	n, err := u.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("snapshot: %w", err)
	}
	return n, nil
}

// close makes the open file durable.
func (u *unpacker) close() error {
	if u.file == nil {
		return nil
	}
	f := u.file
	u.file = nil
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// publish gives the folder its name.
func (u *unpacker) publish(parent, name string) error {
	for _, step := range []func() error{
		func() error { return syncDir(u.fs, u.dir) },
		func() error { return u.fs.Rename(u.dir, u.fs.PathJoin(parent, name)) },
		func() error { return syncDir(u.fs, parent) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	return nil
}

// syncDir makes what was created and renamed in dir durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
