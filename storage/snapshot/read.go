package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Sink takes what Read finds. Its errors end the reading and are returned.
type Sink interface {
	// Begin is given the header, before any file.
	Begin(Header) error
	// File begins a file. Its content follows by Write.
	File(name string, size int64) error
	// Write is given the next bytes of the file, verified, valid during the call.
	Write(p []byte) (int, error)
}

// Read walks an archive to its end, or to the first byte that is wrong:
// ErrForeign, ErrCorrupt, or the reader's own error. What the sink was given
// is whole and true only if Read returns no error. It reads nothing behind the
// archive. The checksum is returned with it.
func Read(r io.Reader, sink Sink) (Header, [sha256.Size]byte, error) {
	d := &reader{sum: sha256.New(), names: make(map[string]bool)}
	d.r = io.TeeReader(r, d.sum)
	h, err := d.header()
	if err == nil {
		err = sink.Begin(h)
	}
	if err == nil {
		err = d.files(h, sink)
	}
	if err == nil {
		err = d.end(r)
	}
	var sum [sha256.Size]byte
	copy(sum[:], d.sum.Sum(nil))
	return h, sum, err
}

// reader is one Read in progress.
type reader struct {
	r     io.Reader // what it reads is added to sum and n
	sum   hash.Hash
	n     int64
	names map[string]bool
}

// full fills p. An archive that ends in it is damaged.
func (d *reader) full(p []byte) error {
	n, err := io.ReadFull(d.r, p)
	d.n += int64(n)
	return cutOff(err)
}

// cutOff turns the end of the stream into ErrCorrupt.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: cut off", ErrCorrupt)
	}
	return err
}

// header reads the first record.
func (d *reader) header() (Header, error) {
	var fixed [len(Magic) + 8]byte
	if err := d.full(fixed[:]); errors.Is(err, ErrCorrupt) {
		return Header{}, fmt.Errorf("%w: %d bytes", ErrForeign, d.n)
	} else if err != nil {
		return Header{}, err
	}
	if string(fixed[:len(Magic)]) != Magic {
		return Header{}, ErrForeign
	}
	version := binary.BigEndian.Uint32(fixed[len(Magic):])
	length := binary.BigEndian.Uint32(fixed[len(Magic)+4:])
	if version != formatVersion {
		return Header{}, fmt.Errorf("%w: format version %d, this program knows %d", ErrForeign, version, formatVersion)
	}
	if length > headerLenMax {
		return Header{}, fmt.Errorf("%w: header of %d bytes", ErrCorrupt, length)
	}
	b := make([]byte, length+4)
	if err := d.full(b); err != nil {
		return Header{}, err
	}
	crc := crc32.Update(crc32.Checksum(fixed[:], castagnoli), castagnoli, b[:length])
	if crc != binary.BigEndian.Uint32(b[length:]) {
		return Header{}, fmt.Errorf("%w: header checksum", ErrCorrupt)
	}
	return decodeHeader(b[:length])
}

// files reads all files that the header announces.
func (d *reader) files(h Header, sink Sink) error {
	left := h.FileBytes
	buf := make([]byte, 4+min(h.FileBytes, chunkLenMax)+4)
	for range h.Files {
		f, err := d.file()
		if err != nil {
			return err
		}
		if left -= f.size; left < 0 {
			return fmt.Errorf("%w: more bytes than announced", ErrCorrupt)
		}
		if err := sink.File(f.name, f.size); err != nil {
			return err
		}
		if err := d.chunks(f, buf, sink); err != nil {
			return err
		}
	}
	if left != 0 {
		return fmt.Errorf("%w: fewer bytes than announced", ErrCorrupt)
	}
	return nil
}

// file reads the record that begins a file.
func (d *reader) file() (file, error) {
	var fixed [3]byte
	if err := d.full(fixed[:]); err != nil {
		return file{}, err
	}
	length := binary.BigEndian.Uint16(fixed[1:])
	if fixed[0] != 'F' || length > nameLenMax {
		return file{}, fmt.Errorf("%w: no file record at byte %d", ErrCorrupt, d.n-3)
	}
	b := make([]byte, int(length)+12)
	if err := d.full(b); err != nil {
		return file{}, err
	}
	crc := crc32.Update(crc32.Checksum(fixed[:], castagnoli), castagnoli, b[:length+8])
	if crc != binary.BigEndian.Uint32(b[length+8:]) {
		return file{}, fmt.Errorf("%w: file record checksum at byte %d", ErrCorrupt, d.n)
	}
	f := file{name: string(b[:length]), size: int64(binary.BigEndian.Uint64(b[length:]))}
	if err := checkName(f.name); err != nil {
		return file{}, err
	}
	if f.size < 0 || d.names[f.name] {
		return file{}, fmt.Errorf("%w: file %s", ErrCorrupt, f.name)
	}
	d.names[f.name] = true
	return f, nil
}

// chunks reads a file's content.
func (d *reader) chunks(f file, buf []byte, sink Sink) error {
	for left := f.size; left > 0; {
		if err := d.full(buf[:4]); err != nil {
			return err
		}
		n := int64(binary.BigEndian.Uint32(buf))
		if n == 0 || n > chunkLenMax || n > left {
			return fmt.Errorf("%w: chunk of %d bytes in %s", ErrCorrupt, n, f.name)
		}
		if err := d.full(buf[4 : 4+n+4]); err != nil {
			return err
		}
		if crc32.Checksum(buf[:4+n], castagnoli) != binary.BigEndian.Uint32(buf[4+n:]) {
			return fmt.Errorf("%w: chunk checksum in %s", ErrCorrupt, f.name)
		}
		if _, err := sink.Write(buf[4 : 4+n]); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// end reads the padding and compares the checksum, which is read from r past
// the sum.
func (d *reader) end(r io.Reader) error {
	end := make([]byte, endLen(d.n))
	if err := d.full(end); err != nil {
		return err
	}
	if end[0] != 'E' || bytes.Count(end[1:], []byte{0}) != len(end)-1 {
		return fmt.Errorf("%w: no end record", ErrCorrupt)
	}
	var want [sha256.Size]byte
	if _, err := io.ReadFull(r, want[:]); err != nil {
		return cutOff(err)
	}
	if !bytes.Equal(want[:], d.sum.Sum(nil)) {
		return fmt.Errorf("%w: checksum of the whole", ErrCorrupt)
	}
	return nil
}
