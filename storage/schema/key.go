package schema

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Sentinel ends the prefix of every physical key.
const Sentinel = 0x00

// revisionLen is the length of an encoded Revision: 8 bytes Main, 4 bytes Sub.
const revisionLen = 12

// VersionSuffixLen is the length of what follows the prefix in a key of
// TableVersions: the revision and the length byte.
const VersionSuffixLen = revisionLen + 1

// RevisionKeyLen is the length of a key of TableRevisions.
const RevisionKeyLen = 1 + revisionLen + 1

// Split returns the length of the prefix of a physical key. It is total: a
// key whose last byte claims more than there is counts as all prefix.
func Split(key []byte) int {
	n := len(key)
	if n == 0 {
		return 0
	}
	if suffix := int(key[n-1]); suffix < n {
		return n - suffix
	}
	return n
}

// AppendRecordKey appends the physical key of a suffix-less record: every
// table but TableVersions.
func AppendRecordKey(dst []byte, t Table, body []byte) []byte {
	dst = append(dst, byte(t))
	dst = append(dst, body...)
	return append(dst, Sentinel)
}

// RecordBody returns the body of a suffix-less physical key, an alias of it.
func RecordBody(key []byte) ([]byte, error) {
	if len(key) < 2 || key[len(key)-1] != Sentinel {
		return nil, fmt.Errorf("%w: record key %x", ErrMalformed, key)
	}
	return key[1 : len(key)-1], nil
}

// TableBounds returns the physical bounds [lower, upper) of a whole table.
func TableBounds(t Table) (lower, upper []byte) {
	return []byte{byte(t), Sentinel}, []byte{byte(t) + 1, Sentinel}
}

// AppendBounds appends to lower and upper the physical bounds [lower, upper)
// of the user keys that etcd's range convention names: end empty is the one
// key, end "\x00" is every key from key on, otherwise [key, end).
func AppendBounds(lower, upper []byte, t Table, key, end []byte) (lo, up []byte) {
	lower = AppendRecordKey(lower, t, key)
	switch {
	case len(end) == 0:
		// key+"\x00" is the next possible user key.
		upper = append(append(upper, byte(t)), key...)
		upper = append(upper, 0, Sentinel)
	case IsFromKey(end):
		upper = append(upper, byte(t)+1, Sentinel)
	default:
		upper = AppendRecordKey(upper, t, end)
	}
	return lower, upper
}

// IsFromKey says that end is etcd's mark for "every key from the first on".
func IsFromKey(end []byte) bool { return len(end) == 1 && end[0] == 0 }

// InRange says whether k is in the range [key, end) of etcd's convention.
func InRange(k, key, end []byte) bool {
	switch {
	case len(end) == 0:
		return bytes.Equal(k, key)
	case IsFromKey(end):
		return bytes.Compare(k, key) >= 0
	}
	return bytes.Compare(k, key) >= 0 && bytes.Compare(k, end) < 0
}

// AppendVersionKey appends the physical key of a user key's version. The
// revision is stored inverted, so that the newest sorts first.
func AppendVersionKey(dst, userKey []byte, r Revision) []byte {
	dst = AppendRecordKey(dst, TableVersions, userKey)
	return AppendVersionSuffix(dst, r)
}

// AppendVersionSuffix completes a prefix of TableVersions to a version's key.
func AppendVersionSuffix(prefix []byte, r Revision) []byte {
	prefix = binary.BigEndian.AppendUint64(prefix, ^uint64(r.Main))
	prefix = binary.BigEndian.AppendUint32(prefix, ^r.Sub)
	return append(prefix, VersionSuffixLen)
}

// DecodeVersionKey takes a key of TableVersions apart; userKey aliases key.
func DecodeVersionKey(key []byte) (userKey []byte, r Revision, err error) {
	p := len(key) - VersionSuffixLen
	if p < 2 || key[0] != byte(TableVersions) || key[len(key)-1] != VersionSuffixLen || key[p-1] != Sentinel {
		return nil, Revision{}, fmt.Errorf("%w: version key %x", ErrMalformed, key)
	}
	r.Main = int64(^binary.BigEndian.Uint64(key[p:]))
	r.Sub = ^binary.BigEndian.Uint32(key[p+8:])
	if r.Main < 0 {
		return nil, Revision{}, fmt.Errorf("%w: version key %x: revision %d", ErrMalformed, key, r.Main)
	}
	return key[1 : p-1], r, nil
}

// AppendRevisionKey appends the physical key of TableRevisions: big endian,
// so that history sorts oldest first.
func AppendRevisionKey(dst []byte, r Revision) []byte {
	dst = append(dst, byte(TableRevisions))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.Main))
	dst = binary.BigEndian.AppendUint32(dst, r.Sub)
	return append(dst, Sentinel)
}

// DecodeRevisionKey reads the revision out of a key of TableRevisions.
func DecodeRevisionKey(key []byte) (Revision, error) {
	if len(key) != RevisionKeyLen || key[0] != byte(TableRevisions) || key[len(key)-1] != Sentinel {
		return Revision{}, fmt.Errorf("%w: revision key %x", ErrMalformed, key)
	}
	r := Revision{
		Main: int64(binary.BigEndian.Uint64(key[1:])),
		Sub:  binary.BigEndian.Uint32(key[9:]),
	}
	if r.Main < 0 {
		return Revision{}, fmt.Errorf("%w: revision key %x: revision %d", ErrMalformed, key, r.Main)
	}
	return r, nil
}

// AppendLeaseKey appends the physical key of a record of TableLeases.
func AppendLeaseKey(dst []byte, id int64) []byte {
	dst = append(dst, byte(TableLeases))
	dst = binary.BigEndian.AppendUint64(dst, uint64(id))
	return append(dst, Sentinel)
}

// DecodeLeaseKey reads the lease id out of a key of TableLeases.
func DecodeLeaseKey(key []byte) (int64, error) {
	if len(key) != 10 || key[0] != byte(TableLeases) || key[9] != Sentinel {
		return 0, fmt.Errorf("%w: lease key %x", ErrMalformed, key)
	}
	return int64(binary.BigEndian.Uint64(key[1:])), nil
}

// AppendLeaseKeyKey appends the physical key that attaches a user key to a
// lease. With a nil user key it is the lower bound of the lease's keys.
func AppendLeaseKeyKey(dst []byte, id int64, userKey []byte) []byte {
	dst = append(dst, byte(TableLeaseKeys))
	dst = binary.BigEndian.AppendUint64(dst, uint64(id))
	dst = append(dst, userKey...)
	return append(dst, Sentinel)
}

// LeaseKeysBounds returns the physical bounds of the keys attached to a lease.
func LeaseKeysBounds(id int64) (lower, upper []byte) {
	lower = AppendLeaseKeyKey(nil, id, nil)
	if uint64(id) == ^uint64(0) {
		return lower, []byte{byte(TableLeaseKeys) + 1, Sentinel}
	}
	return lower, AppendLeaseKeyKey(nil, int64(uint64(id)+1), nil)
}

// DecodeLeaseKeyKey takes a key of TableLeaseKeys apart; userKey aliases key.
func DecodeLeaseKeyKey(key []byte) (id int64, userKey []byte, err error) {
	if len(key) < 11 || key[0] != byte(TableLeaseKeys) || key[len(key)-1] != Sentinel {
		return 0, nil, fmt.Errorf("%w: lease key record %x", ErrMalformed, key)
	}
	return int64(binary.BigEndian.Uint64(key[1:])), key[9 : len(key)-1], nil
}

// LeaseKeyKeyLen is the length of what AppendLeaseKeyKey appends.
func LeaseKeyKeyLen(userKey []byte) int { return 1 + 8 + len(userKey) + 1 }
