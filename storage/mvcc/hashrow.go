package mvcc

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/petcd/petcd/storage/schema"
)

// Tags of mvccpb.KeyValue's fields on the wire: number, then type.
const (
	tagKey     = 1<<3 | 2
	tagCreate  = 2 << 3
	tagMod     = 3 << 3
	tagVersion = 4 << 3
	tagValue   = 5<<3 | 2
	tagLease   = 6 << 3
)

// hashRowOf is the checksum and the length of one row as etcd stores it: the
// revision, marked when it is a deletion, then the KeyValue in protobuf.
func hashRowOf(key []byte, mod schema.Revision, v schema.Version) (crc, n uint32) {
	var small [512]byte
	b := binary.BigEndian.AppendUint64(small[:0], uint64(mod.Main))
	b = append(b, '_')
	b = binary.BigEndian.AppendUint64(b, uint64(mod.Sub))
	if v.Tombstone {
		b = append(b, 't')
	}
	if len(key) > 0 {
		b = append(b, tagKey)
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	if v.Tombstone {
		return crc32.Checksum(b, castagnoli), uint32(len(b))
	}
	b = appendInt(b, tagCreate, v.Create)
	b = appendInt(b, tagMod, mod.Main)
	b = appendInt(b, tagVersion, v.Version)
	if len(v.Value) > 0 {
		b = append(b, tagValue)
		b = binary.AppendUvarint(b, uint64(len(v.Value)))
	}
	crc = crc32.Checksum(b, castagnoli)
	crc = crc32.Update(crc, castagnoli, v.Value)
	tail := appendInt(nil, tagLease, v.Lease)
	crc = crc32.Update(crc, castagnoli, tail)
	return crc, uint32(len(b) + len(v.Value) + len(tail))
}

// appendInt appends a varint field; protobuf leaves zeros out.
func appendInt(b []byte, tag byte, x int64) []byte {
	if x == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, tag), uint64(x))
}

// hashRow is a row that was hashed and waits for its place.
type hashRow struct {
	mod      schema.Revision
	crc, len uint32
}

// sorter puts rows in revision order, at most max at a time: each pass keeps
// the max oldest of those that no pass before has taken.
type sorter struct {
	max   int
	rows  []hashRow
	floor schema.Revision // rows up to it were taken; zero before the first pass
	ceil  schema.Revision // rows above it are for later passes; zero: none
}

// wants says whether a row of this revision belongs to the pass.
func (s *sorter) wants(mod schema.Revision) bool {
	return mod.Compare(s.floor) > 0 && (s.ceil.Main == 0 || mod.Compare(s.ceil) <= 0)
}

// add takes a row that is wanted.
func (s *sorter) add(r hashRow) {
	s.rows = append(s.rows, r)
	if len(s.rows) >= 2*s.max {
		s.sort()
		s.rows = s.rows[:s.max]
		s.ceil = s.rows[s.max-1].mod
	}
}

// take ends a pass: its rows in order, and whether another pass is needed. The
// rows are valid until the next add.
func (s *sorter) take() (rows []hashRow, more bool) {
	s.sort()
	if len(s.rows) > s.max {
		s.ceil = s.rows[s.max-1].mod
		s.rows = s.rows[:s.max]
	}
	rows, more = s.rows, s.ceil.Main != 0
	s.floor, s.ceil, s.rows = s.ceil, schema.Revision{}, s.rows[:0]
	return rows, more
}

// sort orders the rows by revision.
func (s *sorter) sort() {
	slices.SortFunc(s.rows, func(a, b hashRow) int { return a.mod.Compare(b.mod) })
}
