package schema

import (
	"encoding/binary"
	"math"
)

// decoder takes varints off b. The first failure sets bad and makes all that
// follow fail, so that callers check once.
type decoder struct {
	b   []byte
	bad bool
}

// int64 takes a varint that may stand for any int64 (lease ids are).
func (d *decoder) int64() int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || d.bad {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

// positive takes a varint that must be at least 1, as revisions and versions are.
func (d *decoder) positive() int64 {
	v := d.int64()
	if v < 1 {
		d.bad = true
	}
	return v
}

// uint32 takes a varint that must fit 32 bits.
func (d *decoder) uint32() uint32 {
	v := uint64(d.int64())
	if v > math.MaxUint32 {
		d.bad = true
	}
	return uint32(v)
}

// byte takes one byte.
func (d *decoder) byte() byte {
	if d.bad || len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// fixed64 takes eight bytes.
func (d *decoder) fixed64() int64 {
	if d.bad || len(d.b) < 8 {
		d.bad = true
		return 0
	}
	v := int64(binary.BigEndian.Uint64(d.b))
	d.b = d.b[8:]
	return v
}

// text takes a text after its length.
func (d *decoder) text() string {
	n := uint64(d.int64())
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}
