package log

import (
	"encoding/binary"
	"fmt"
	"math"

	"go.etcd.io/raft/v3/raftpb"
)

// First bytes of the keys; see the format in the package documentation.
const (
	keyFormat    = 0x01
	keyMetadata  = 0x02
	keyHardState = 0x03
	keyBegin     = 0x04
	keyEntry     = 0x10
)

const (
	// formatName and formatVersion make the value under keyFormat.
	formatName    = "petcd-raft-log"
	formatVersion = 1

	// entryKeySize and entryHeaderSize are the fixed parts of an entry on disk.
	entryKeySize    = 1 + 8
	entryHeaderSize = 8 + 1
)

// hardState is raftpb.HardState without its pointers.
type hardState struct{ term, vote, commit uint64 }

// begin says where the log begins: index and term of the entry before its first one, and the index up to which entries
// are erased from the store, which lags index.
type begin struct{ index, term, erased uint64 }

func formatValue() []byte { return append([]byte(formatName), formatVersion) }

// putEntryKey writes the key of the entry at index into b, which has entryKeySize bytes.
func putEntryKey(b []byte, index uint64) {
	b[0] = keyEntry
	binary.BigEndian.PutUint64(b[1:], index)
}

func entryKey(index uint64) []byte {
	b := make([]byte, entryKeySize)
	putEntryKey(b, index)
	return b
}

// entryKeyEnd is above every entry's key.
func entryKeyEnd() []byte { return []byte{keyEntry + 1} }

func decodeEntryKey(b []byte) (uint64, error) {
	if len(b) != entryKeySize || b[0] != keyEntry {
		return 0, fmt.Errorf("%w: entry key of %d bytes", ErrCorrupt, len(b))
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// putEntry writes e into b, which has entryHeaderSize + len(data) bytes.
func putEntry(b []byte, e *raftpb.Entry) {
	binary.BigEndian.PutUint64(b, e.GetTerm())
	b[8] = byte(e.GetType())
	copy(b[entryHeaderSize:], e.Data)
}

// decodeEntry copies what it keeps of b.
func decodeEntry(index uint64, b []byte) (*raftpb.Entry, error) {
	if len(b) < entryHeaderSize {
		return nil, fmt.Errorf("%w: entry %d has %d bytes", ErrCorrupt, index, len(b))
	}
	typ := raftpb.EntryType(b[8])
	if typ > raftpb.EntryConfChangeV2 {
		return nil, fmt.Errorf("%w: entry %d has type %d", ErrCorrupt, index, b[8])
	}
	e := &raftpb.Entry{Term: new(binary.BigEndian.Uint64(b)), Index: new(index), Type: typ.Enum()}
	if len(b) > entryHeaderSize {
		e.Data = append([]byte(nil), b[entryHeaderSize:]...)
	}
	return e, nil
}

func decodeEntryTerm(index uint64, b []byte) (uint64, error) {
	if len(b) < entryHeaderSize {
		return 0, fmt.Errorf("%w: entry %d has %d bytes", ErrCorrupt, index, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

func encodeThree(a, b, c uint64) []byte {
	v := make([]byte, 0, 24)
	v = binary.BigEndian.AppendUint64(v, a)
	v = binary.BigEndian.AppendUint64(v, b)
	return binary.BigEndian.AppendUint64(v, c)
}

func decodeThree(what string, v []byte) (a, b, c uint64, err error) {
	if len(v) != 24 {
		return 0, 0, 0, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, what, len(v))
	}
	return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:]), binary.BigEndian.Uint64(v[16:]), nil
}

func (h hardState) encode() []byte { return encodeThree(h.term, h.vote, h.commit) }

func decodeHardState(v []byte) (h hardState, err error) {
	h.term, h.vote, h.commit, err = decodeThree("hard state", v)
	return h, err
}

func (b begin) encode() []byte { return encodeThree(b.index, b.term, b.erased) }

func decodeBegin(v []byte) (b begin, err error) {
	b.index, b.term, b.erased, err = decodeThree("begin", v)
	if err == nil && (b.erased > b.index || b.index == math.MaxUint64) {
		err = fmt.Errorf("%w: begin %d, erased up to %d", ErrCorrupt, b.index, b.erased)
	}
	return b, err
}
