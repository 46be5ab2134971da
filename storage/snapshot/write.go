package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// align is what the length of an archive is a multiple of.
const align = 512

// Archive is a folder of files that do not change, ready to be written.
type Archive struct {
	fs     vfs.FS
	dir    string
	header Header
	files  []file
}

// file is one of them.
type file struct {
	name string
	size int64
}

// New looks at the files of a folder, skip excepted. The header's Files and
// FileBytes are filled in.
func New(fs vfs.FS, dir string, h Header, skip ...string) (*Archive, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	slices.Sort(names)
	a := &Archive{fs: fs, dir: dir, header: h}
	a.header.Files, a.header.FileBytes = 0, 0
	for _, name := range names {
		if slices.Contains(skip, name) {
			continue
		}
		if err := checkName(name); err != nil {
			return nil, err
		}
		info, err := fs.Stat(fs.PathJoin(dir, name))
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		a.files = append(a.files, file{name, info.Size()})
		a.header.Files++
		a.header.FileBytes += info.Size()
	}
	return a, nil
}

// Header is what the archive says of itself.
func (a *Archive) Header() Header { return a.header }

// Size is the exact length of what WriteTo writes.
func (a *Archive) Size() int64 {
	n := int64(len(a.header.encode()))
	for _, f := range a.files {
		chunks := (f.size + chunkLenMax - 1) / chunkLenMax
		n += int64(len(fileRecord(f))) + f.size + 8*chunks
	}
	return n + endLen(n) + sha256.Size
}

// endLen is the length of the end record, its padding included, after n bytes.
func endLen(n int64) int64 {
	return align - (n+sha256.Size)%align
}

// fileRecord is the record that begins a file.
func fileRecord(f file) []byte {
	b := []byte{'F'}
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.name)))
	b = append(b, f.name...)
	b = binary.BigEndian.AppendUint64(b, uint64(f.size))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// WriteTo writes the stream.
func (a *Archive) WriteTo(w io.Writer) (int64, error) {
	sum := sha256.New()
	c := &counter{w: io.MultiWriter(w, sum)}
	if _, err := c.Write(a.header.encode()); err != nil {
		return c.n, err
	}
	buf := make([]byte, 4+chunkLenMax+4)
	for _, f := range a.files {
		if _, err := c.Write(fileRecord(f)); err != nil {
			return c.n, err
		}
		if err := a.writeChunks(c, f, buf); err != nil {
			return c.n, err
		}
	}
	end := make([]byte, endLen(c.n))
	end[0] = 'E'
	if _, err := c.Write(end); err != nil {
		return c.n, err
	}
	c.w = w
	_, err := c.Write(sum.Sum(nil))
	return c.n, err
}

// writeChunks writes a file's content.
func (a *Archive) writeChunks(w io.Writer, f file, buf []byte) (err error) {
	r, err := a.fs.Open(a.fs.PathJoin(a.dir, f.name), vfs.SequentialReadsOption)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for left := f.size; left > 0; {
		n := int(min(left, chunkLenMax))
		binary.BigEndian.PutUint32(buf, uint32(n))
		if _, err := io.ReadFull(r, buf[4:4+n]); err != nil {
			return fmt.Errorf("snapshot: read %s: %w", f.name, err)
		}
		binary.BigEndian.PutUint32(buf[4+n:], crc32.Checksum(buf[:4+n], castagnoli))
		if _, err := w.Write(buf[:4+n+4]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
