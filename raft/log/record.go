package log

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"go.etcd.io/raft/v3/raftpb"
)

// Names of a record's parts; see the format in the package documentation.
const (
	partHead      = 0x01
	partMetadata  = 0x02
	partHardState = 0x03
	partBegin     = 0x04
	partEntries   = 0x10
)

const (
	formatName    = "petcd-raft-log"
	formatVersion = 2

	// frameSize is what comes before a record's payload: length and checksum.
	frameSize = 4 + 4
	// entrySize is what an entry takes beside its data.
	entrySize = 8 + 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hardState is raftpb.HardState without its pointers.
type hardState struct{ term, vote, commit uint64 }

// begin says where the log begins: index and term of the entry before its first one.
type begin struct{ index, term uint64 }

// head is the first part of a segment.
type head struct {
	seq    uint64 // of the segment
	number uint64 // of its first record
	last   uint64 // index of the entry before it
}

// record is one atomic write. What is nil or empty is unchanged by it.
type record struct {
	head    *head
	meta    []byte
	hs      *hardState
	begin   *begin
	entries []*raftpb.Entry
}

// size bounds the bytes of r's payload.
func (r *record) size() int {
	n := 128 + len(r.meta)
	for _, e := range r.entries {
		n += entrySize + len(e.Data)
	}
	return n
}

// append appends r's payload to b.
func (r *record) append(b []byte) []byte {
	if r.head != nil {
		b = append(append(append(b, partHead), formatName...), formatVersion)
		b = appendInts(b, r.head.seq, r.head.number, r.head.last)
	}
	if r.meta != nil {
		b = binary.BigEndian.AppendUint32(append(b, partMetadata), uint32(len(r.meta)))
		b = append(b, r.meta...)
	}
	if r.hs != nil {
		b = appendInts(append(b, partHardState), r.hs.term, r.hs.vote, r.hs.commit)
	}
	if r.begin != nil {
		b = appendInts(append(b, partBegin), r.begin.index, r.begin.term)
	}
	if len(r.entries) == 0 {
		return b
	}
	b = appendInts(append(b, partEntries), r.entries[0].GetIndex())
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.entries)))
	for _, e := range r.entries {
		b = binary.BigEndian.AppendUint64(b, e.GetTerm())
		b = append(b, byte(e.GetType()))
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Data)))
		b = append(b, e.Data...)
	}
	return b
}

func appendInts(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// decodeRecord reads a payload whose checksum was right. It copies what it keeps.
func decodeRecord(payload []byte) (*record, error) {
	r := &record{}
	d := decoder{b: payload}
	for len(d.b) > 0 && !d.bad {
		switch part := d.bytes(1)[0]; part {
		case partHead:
			if name := d.bytes(len(formatName)); !d.bad && string(name) != formatName {
				return nil, fmt.Errorf("%w: it does not begin with the format's name", ErrForeign)
			}
			if version := d.bytes(1); !d.bad && version[0] != formatVersion {
				return nil, fmt.Errorf("log: format version %d is not this program's, %d", version[0], formatVersion)
			}
			r.head = &head{seq: d.int(), number: d.int(), last: d.int()}
		case partMetadata:
			r.meta = append([]byte{}, d.bytes(d.length())...)
		case partHardState:
			r.hs = &hardState{term: d.int(), vote: d.int(), commit: d.int()}
		case partBegin:
			r.begin = &begin{index: d.int(), term: d.int()}
		case partEntries:
			r.entries = d.entries()
		default:
			return nil, fmt.Errorf("%w: a record has a part %#x", ErrCorrupt, part)
		}
	}
	if d.bad {
		return nil, fmt.Errorf("%w: a record ends too soon", ErrCorrupt)
	}
	return r, nil
}

// decoder takes a payload apart. Once it is bad, what it returns is zero.
type decoder struct {
	b   []byte
	bad bool
}

// bytes takes the next n bytes.
func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) int() uint64 {
	if b := d.bytes(8); !d.bad {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// length takes a length of 4 bytes.
func (d *decoder) length() int {
	if b := d.bytes(4); !d.bad {
		return int(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) entries() []*raftpb.Entry {
	first, count := d.int(), d.length()
	if count > len(d.b)/entrySize || first > math.MaxUint64-uint64(count) {
		d.bad = true
		return nil
	}
	entries := make([]*raftpb.Entry, 0, count)
	for i := range uint64(count) {
		e := &raftpb.Entry{Index: new(first + i), Term: new(d.int())}
		if typ := d.bytes(1); !d.bad {
			e.Type = raftpb.EntryType(typ[0]).Enum()
			d.bad = e.GetType() > raftpb.EntryConfChangeV2
		}
		if data := d.bytes(d.length()); len(data) > 0 {
			e.Data = append([]byte(nil), data...)
		}
		entries = append(entries, e)
	}
	return entries
}

// putFrame completes a record: b is room for the frame, then the payload. before is the checksum of the record before.
func putFrame(b []byte, before uint32) (sum uint32) {
	binary.BigEndian.PutUint32(b, uint32(len(b)-frameSize))
	sum = checksum(b, before)
	binary.BigEndian.PutUint32(b[4:], sum)
	return sum
}

// takeFrame takes the record at the beginning of b. ok is false when there is none, or only a part of one.
func takeFrame(b []byte, before uint32) (payload []byte, sum uint32, ok bool) {
	if len(b) < frameSize {
		return nil, 0, false
	}
	length := uint64(binary.BigEndian.Uint32(b))
	if length == 0 || length > uint64(len(b)-frameSize) {
		return nil, 0, false
	}
	b = b[:frameSize+length]
	sum = checksum(b, before)
	return b[frameSize:], sum, sum == binary.BigEndian.Uint32(b[4:])
}

func checksum(b []byte, before uint32) uint32 {
	return crc32.Update(crc32.Update(before, castagnoli, b[:4]), castagnoli, b[frameSize:])
}
