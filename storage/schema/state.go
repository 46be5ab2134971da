package schema

import (
	"encoding/binary"
	"fmt"
)

// Applied is what StateApplied holds: how far the state has come. It is in
// every batch, with what that batch changed.
type Applied struct {
	Index    uint64 // Raft index of the newest entry in the state
	Term     uint64 // its term
	Revision int64  // the store's current revision
}

// AppliedLen is the fixed length of an encoded Applied.
const AppliedLen = 24

// AppendApplied appends the value of StateApplied.
func AppendApplied(dst []byte, a Applied) []byte {
	dst = binary.BigEndian.AppendUint64(dst, a.Index)
	dst = binary.BigEndian.AppendUint64(dst, a.Term)
	return binary.BigEndian.AppendUint64(dst, uint64(a.Revision))
}

// DecodeApplied reads the value of StateApplied.
func DecodeApplied(b []byte) (Applied, error) {
	if len(b) != AppliedLen {
		return Applied{}, fmt.Errorf("%w: applied %x", ErrMalformed, b)
	}
	a := Applied{
		Index:    binary.BigEndian.Uint64(b),
		Term:     binary.BigEndian.Uint64(b[8:]),
		Revision: int64(binary.BigEndian.Uint64(b[16:])),
	}
	if a.Revision < 1 {
		return Applied{}, fmt.Errorf("%w: applied %x: revision %d", ErrMalformed, b, a.Revision)
	}
	return a, nil
}

// Never is the compact revision of a store that was never compacted, as etcd
// reports it.
const Never int64 = -1

// AppendCompacted appends the value of StateCompacted or StateScrubbed.
func AppendCompacted(dst []byte, revision int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(revision))
}

// DecodeCompacted reads the value of StateCompacted or StateScrubbed.
func DecodeCompacted(b []byte) (int64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: compact revision %x", ErrMalformed, b)
	}
	revision := int64(binary.BigEndian.Uint64(b))
	if revision < 0 {
		return 0, fmt.Errorf("%w: compact revision %d", ErrMalformed, revision)
	}
	return revision, nil
}
