package schema

import (
	"encoding/binary"
	"fmt"
)

// Head is what a put must know of its key: the newest revision of a live key.
type Head struct {
	Create  int64    // revision of the key's creation
	Mod     Revision // its newest change
	Version int64    // number of changes since creation, from 1
	Lease   int64    // 0 when attached to none
}

// HeadLenMax bounds the encoded length of a Head.
const HeadLenMax = 5 * binary.MaxVarintLen64

// AppendHead appends the value of a record of TableHeads.
func AppendHead(dst []byte, h Head) []byte {
	dst = binary.AppendUvarint(dst, uint64(h.Create))
	dst = binary.AppendUvarint(dst, uint64(h.Mod.Main))
	dst = binary.AppendUvarint(dst, uint64(h.Mod.Sub))
	dst = binary.AppendUvarint(dst, uint64(h.Version))
	return binary.AppendUvarint(dst, uint64(h.Lease))
}

// DecodeHead reads the value of a record of TableHeads.
func DecodeHead(b []byte) (Head, error) {
	d := decoder{b: b}
	h := Head{Create: d.positive()}
	h.Mod.Main = d.positive()
	h.Mod.Sub = d.uint32()
	h.Version = d.positive()
	h.Lease = d.int64()
	if d.bad || len(d.b) != 0 {
		return Head{}, fmt.Errorf("%w: head %x", ErrMalformed, b)
	}
	return h, nil
}

// Version is one version of a key: what it held from a revision on. A
// deletion is a version with Tombstone and nothing else.
type Version struct {
	Tombstone bool
	Create    int64
	Version   int64
	Lease     int64
	Value     []byte
}

// First byte of a version's record and of a change's; only changes tell a
// creation from another put.
const (
	kindPut       = 0
	kindTombstone = 1
	kindCreation  = 2
)

// VersionHeaderLenMax bounds what AppendVersion writes before the value.
const VersionHeaderLenMax = 1 + 3*binary.MaxVarintLen64

// AppendVersionHeader appends all of a put's record but the value, which is
// the rest of the record.
func AppendVersionHeader(dst []byte, create, version, lease int64) []byte {
	dst = append(dst, kindPut)
	dst = binary.AppendUvarint(dst, uint64(create))
	dst = binary.AppendUvarint(dst, uint64(version))
	return binary.AppendUvarint(dst, uint64(lease))
}

// AppendTombstone appends the record of a deletion.
func AppendTombstone(dst []byte) []byte { return append(dst, kindTombstone) }

// DecodeVersion reads the value of a record of TableVersions; Value aliases b.
func DecodeVersion(b []byte) (Version, error) {
	if len(b) == 1 && b[0] == kindTombstone {
		return Version{Tombstone: true}, nil
	}
	if len(b) == 0 || b[0] != kindPut {
		return Version{}, malformedVersion(b)
	}
	d := decoder{b: b[1:]}
	v := Version{Create: d.positive(), Version: d.positive(), Lease: d.int64()}
	if d.bad {
		return Version{}, malformedVersion(b)
	}
	v.Value = d.b
	return v, nil
}

// IsTombstone says whether a record of TableVersions is a deletion, without
// decoding it.
func IsTombstone(b []byte) bool { return len(b) == 1 && b[0] == kindTombstone }

// malformedVersion shows no more of a record than its header's length: values
// are the users' own.
func malformedVersion(b []byte) error {
	return fmt.Errorf("%w: version %x (%d bytes)", ErrMalformed, b[:min(len(b), VersionHeaderLenMax)], len(b))
}

// Change is the value of a record of TableRevisions: which key the revision
// changed, and whether it created or deleted it. So the number of keys at an
// older revision follows from today's and the changes since, without a look
// at the keys.
type Change struct {
	Created   bool
	Tombstone bool
	Key       []byte
}

// AppendChange appends the value of a record of TableRevisions.
func AppendChange(dst []byte, c Change) []byte {
	kind := byte(kindPut)
	switch {
	case c.Tombstone:
		kind = kindTombstone
	case c.Created:
		kind = kindCreation
	}
	return append(append(dst, kind), c.Key...)
}

// DecodeChange reads the value of a record of TableRevisions; Key aliases b.
func DecodeChange(b []byte) (Change, error) {
	if len(b) < 1 || b[0] > kindCreation {
		return Change{}, fmt.Errorf("%w: change %x", ErrMalformed, b)
	}
	return Change{Created: b[0] == kindCreation, Tombstone: b[0] == kindTombstone, Key: b[1:]}, nil
}

// Lease is the value of a record of TableLeases, in seconds. Remaining is 0
// unless a checkpoint said how much of TTL was left.
type Lease struct {
	TTL       int64
	Remaining int64
}

// AppendLease appends the value of a record of TableLeases.
func AppendLease(dst []byte, l Lease) []byte {
	dst = binary.AppendUvarint(dst, uint64(l.TTL))
	return binary.AppendUvarint(dst, uint64(l.Remaining))
}

// DecodeLease reads the value of a record of TableLeases.
func DecodeLease(b []byte) (Lease, error) {
	d := decoder{b: b}
	l := Lease{TTL: d.int64(), Remaining: d.int64()}
	if d.bad || len(d.b) != 0 {
		return Lease{}, fmt.Errorf("%w: lease %x", ErrMalformed, b)
	}
	return l, nil
}
