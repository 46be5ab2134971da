package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Status is what an archive holds.
type Status struct {
	Header
	Hash uint32 // first bytes of the archive's checksum
	Size int64  // its length in bytes
}

// Inspect verifies an archive and tells what is in it. The archive must be all
// that r holds, but for the SHA-256 of it that a server appends to the stream
// of a snapshot. Inspect needs no engine and no disk.
func Inspect(r io.Reader) (Status, error) {
	whole := sha256.New()
	c := &countReader{r: io.TeeReader(r, whole)}
	h, sum, err := Read(c, discard{})
	if err != nil {
		return Status{}, err
	}
	rest, err := end(r, whole.Sum(nil))
	if err != nil {
		return Status{}, err
	}
	return Status{Header: h, Hash: binary.BigEndian.Uint32(sum[:]), Size: c.n + rest}, nil
}

// UnpackFile is Unpack of a saved file, which must hold nothing but an archive
// and the SHA-256 of it that a server appends.
func UnpackFile(r io.Reader, fs vfs.FS, parent, name string) (Header, error) {
	whole := sha256.New()
	h, err := Unpack(io.TeeReader(r, whole), fs, parent, name)
	if err != nil {
		return Header{}, err
	}
	if _, err := end(r, whole.Sum(nil)); err != nil {
		return Header{}, errors.Join(err, fs.RemoveAll(fs.PathJoin(parent, name)))
	}
	return h, nil
}

// end reads what follows an archive: nothing, or its digest. It returns the
// length.
func end(r io.Reader, digest []byte) (int64, error) {
	rest, err := io.ReadAll(io.LimitReader(r, sha256.Size+1))
	switch {
	case err != nil:
		return 0, err
	case len(rest) > 0 && !bytes.Equal(rest, digest):
		return 0, fmt.Errorf("%w: what follows the archive is not its checksum", ErrCorrupt)
	}
	return int64(len(rest)), nil
}

// discard is the sink of who only wants to know.
type discard struct{}

// Begin implements Sink.
func (discard) Begin(Header) error { return nil }

// File implements Sink.
func (discard) File(string, int64) error { return nil }

// Write implements Sink.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// countReader counts what is read.
type countReader struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
