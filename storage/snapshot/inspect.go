package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
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
	digest := whole.Sum(nil)
	rest, err := io.ReadAll(io.LimitReader(r, sha256.Size+1))
	switch {
	case err != nil:
		return Status{}, err
	case len(rest) > 0 && !bytes.Equal(rest, digest):
		return Status{}, fmt.Errorf("%w: what follows the archive is not its checksum", ErrCorrupt)
	}
	return Status{Header: h, Hash: binary.BigEndian.Uint32(sum[:]), Size: c.n + int64(len(rest))}, nil
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
