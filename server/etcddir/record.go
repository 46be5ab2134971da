package etcddir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The types of records.
const (
	recordMetadata = 1 + iota
	recordEntry
	recordState
	recordCRC
	recordSnapshot
)

// sectorBytes is what a disk writes at once: a record that was torn lacks whole sectors.
const sectorBytes = 512

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one record of the log.
type record struct {
	kind uint64
	crc  uint64 // 32 bits, or the record is damaged
	data []byte
}

// errTorn says that a record ends early or lacks sectors.
var errTorn = errors.New("etcddir: torn record")

// reader reads the records of one file after the other.
type reader struct {
	crc uint32 // of all data so far
}

// file calls fn with the records of a file, whose data fn may keep. It returns errTorn when the last one was torn.
func (r *reader) file(b []byte, fn func(record) error) error {
	for at := 0; ; {
		rec, n, err := r.next(b, at)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("offset %d: %w", at, err)
		}
		if err := fn(rec); err != nil {
			return fmt.Errorf("offset %d: %w", at, err)
		}
		at += n
	}
}

// next decodes the record at an offset and returns its length, padding included; io.EOF at the end.
func (r *reader) next(b []byte, at int) (rec record, n int, err error) {
	rest := b[at:]
	if len(rest) < 8 {
		if len(rest) == 0 {
			return rec, 0, io.EOF
		}
		return rec, 0, errTorn
	}
	field := binary.LittleEndian.Uint64(rest)
	if field == 0 {
		return rec, 0, io.EOF // preallocated
	}
	size, padding := field&(1<<56-1), uint64(0)
	if field>>63 == 1 {
		padding = field >> 56 & 7
	}
	if size+padding > uint64(len(rest)-8) {
		return rec, 0, errTorn
	}
	body := rest[8 : 8+size+padding]
	rec, err = decodeRecord(body[:size])
	if err == nil && rec.kind != recordCRC {
		sum := crc32.Update(r.crc, castagnoli, rec.data)
		if uint64(sum) != rec.crc {
			err = fmt.Errorf("%w: checksum of a record", ErrCorrupt)
		} else {
			r.crc = sum
		}
	}
	if err != nil {
		if torn(body, at+8) {
			err = errTorn
		}
		return rec, 0, err
	}
	if rec.kind == recordCRC {
		if r.crc != 0 && rec.crc != uint64(r.crc) || rec.crc > math.MaxUint32 {
			return rec, 0, fmt.Errorf("%w: checksum of the file before", ErrCorrupt)
		}
		r.crc = uint32(rec.crc)
	}
	return rec, int(8 + size + padding), nil
}

// torn tells that a record which lies at an offset lacks a sector: it is all zeros.
func torn(body []byte, offset int) bool {
	for len(body) > 0 {
		n := min(sectorBytes-offset%sectorBytes, len(body))
		zero := true
		for _, c := range body[:n] {
			zero = zero && c == 0
		}
		if zero {
			return true
		}
		body, offset = body[n:], offset+n
	}
	return false
}

// decodeRecord reads a record's message.
func decodeRecord(b []byte) (rec record, err error) {
	err = fields(b, func(number protowire.Number, varint uint64, bytes []byte) {
		switch number {
		case 1:
			rec.kind = varint
		case 2:
			rec.crc = varint
		case 3:
			rec.data = bytes
		}
	})
	return rec, err
}

// fields calls fn with the fields of a message: varint is that of a varint's, bytes that of a length-delimited one.
func fields(b []byte, fn func(number protowire.Number, varint uint64, bytes []byte)) error {
	for len(b) > 0 {
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return fmt.Errorf("%w: %w", ErrCorrupt, protowire.ParseError(tag))
		}
		size := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if size < 0 {
			return fmt.Errorf("%w: %w", ErrCorrupt, protowire.ParseError(size))
		}
		value := b[tag : tag+size]
		switch kind {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			fn(number, v, nil)
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			fn(number, 0, v)
		}
		b = b[tag+size:]
	}
	return nil
}
