package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The names by which layers say that something of those below is gone.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// unpack writes a layer into an empty folder. Nothing that is in the archive leads out of it: os.Root resolves all names.
func unpack(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	u := unpacker{root: root, owners: os.Geteuid() == 0, times: map[string]time.Time{}}
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := path.Clean("/" + h.Name)[1:]
		if name == "" {
			continue // the root itself
		}
		if err := u.entry(name, h, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	// What pads the archive belongs to its digest.
	if _, err := io.Copy(io.Discard, archive); err != nil {
		return err
	}
	for name, t := range u.times {
		if err := root.Chtimes(name, t, t); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// unpacker writes one layer.
type unpacker struct {
	root   *os.Root
	owners bool                 // whether files can be given away: without root, an image can be kept, but not run
	times  map[string]time.Time // of folders, which change as long as files come
}

// entry writes one entry of the archive.
func (u *unpacker) entry(name string, h *tar.Header, content io.Reader) error {
	dir, base := path.Split(name)
	if dir != "" {
		if err := u.root.MkdirAll(path.Clean(dir), 0o755); err != nil {
			return err
		}
	}
	if base == opaque {
		return u.in(dir, func(fd int) error {
			if err := unix.Fsetxattr(fd, "trusted.overlay.opaque", []byte("y"), 0); u.owners {
				return err
			}
			return nil
		})
	}
	if gone, ok := strings.CutPrefix(base, whiteout); ok {
		if gone == "" || gone == "." || gone == ".." {
			return errors.New("a whiteout of nothing")
		}
		return u.in(dir, func(fd int) error { return unix.Mknodat(fd, gone, unix.S_IFCHR, 0) })
	}
	if h.Typeflag != tar.TypeDir {
		// A later entry replaces an earlier one. Links are replaced, not followed.
		if err := u.root.RemoveAll(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return u.folder(name, h)
	case tar.TypeReg:
		return u.file(name, h, content)
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		if !u.owners {
			return nil
		}
		return u.root.Lchown(name, h.Uid, h.Gid)
	case tar.TypeLink:
		return u.root.Link(path.Clean("/" + h.Linkname)[1:], name)
	case tar.TypeFifo:
		return u.in(dir, func(fd int) error {
			if err := unix.Mknodat(fd, base, unix.S_IFIFO|uint32(h.Mode&0o777), 0); err != nil {
				return err
			}
			if !u.owners {
				return nil
			}
			return unix.Fchownat(fd, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW)
		})
	case tar.TypeXGlobalHeader:
		return nil
	case tar.TypeChar, tar.TypeBlock:
		return errors.New("a device in an image is refused")
	}
	return fmt.Errorf("an entry of the unknown type %q", h.Typeflag)
}

// in calls f with a folder that is open.
func (u *unpacker) in(dir string, f func(fd int) error) error {
	d, err := u.root.Open(path.Clean("./" + dir))
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return f(int(d.Fd()))
}

// folder makes a folder, or gives the one that is there its properties.
func (u *unpacker) folder(name string, h *tar.Header) error {
	if info, err := u.root.Lstat(name); err == nil && !info.IsDir() {
		if err := u.root.Remove(name); err != nil {
			return err
		}
	}
	if err := u.root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := u.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	u.times[name] = h.ModTime
	return u.properties(d, h)
}

// file writes a file.
func (u *unpacker) file(name string, h *tar.Header, content io.Reader) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err == nil {
		err = u.properties(f, h)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = u.root.Chtimes(name, h.ModTime, h.ModTime)
	}
	return err
}

// properties gives a file or folder its owner, mode and extended attributes.
func (u *unpacker) properties(f *os.File, h *tar.Header) error {
	if u.owners {
		if err := f.Chown(h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if err := unix.Fchmod(int(f.Fd()), uint32(h.Mode&0o7777)); err != nil { // after chown, which takes setuid away
		return err
	}
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		// Overlay's own attributes would let a layer point to files outside of it.
		if !ok || (name != "security.capability" && !strings.HasPrefix(name, "user.")) {
			continue
		}
		if err := unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) && u.owners {
			return err
		}
	}
	return nil
}
