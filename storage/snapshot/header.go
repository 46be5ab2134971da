package snapshot

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Magic begins every archive.
const Magic = "petcdsnp"

// formatVersion is the version of the stream that this package writes.
const formatVersion = 1

// Bounds of what a stream may say.
const (
	headerLenMax = 4096
	nameLenMax   = 255
	chunkLenMax  = 1 << 20
	filesMax     = 1 << 20
)

// castagnoli is the polynomial of all CRCs here.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header says what the state in an archive is.
type Header struct {
	Index           uint64 // Raft index of the newest entry in it
	Term            uint64 // its term
	Revision        int64
	CompactRevision int64
	Keys            int64 // live keys
	Files           int64 // number of files
	FileBytes       int64 // their lengths together
}

// encode returns the stream's first record.
func (h *Header) encode() []byte {
	var fields []byte
	fields = binary.AppendUvarint(fields, h.Index)
	fields = binary.AppendUvarint(fields, h.Term)
	for _, v := range []int64{h.Revision, h.CompactRevision, h.Keys, h.Files, h.FileBytes} {
		fields = binary.AppendVarint(fields, v)
	}
	b := []byte(Magic)
	b = binary.BigEndian.AppendUint32(b, formatVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(fields)))
	b = append(b, fields...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeHeader reads the fields of a header. Fields that follow those it knows
// are a later format's and ignored.
func decodeHeader(fields []byte) (Header, error) {
	var h Header
	var bad bool
	unsigned := func() uint64 {
		v, n := binary.Uvarint(fields)
		if n <= 0 {
			bad = true
			return 0
		}
		fields = fields[n:]
		return v
	}
	signed := func() int64 {
		v, n := binary.Varint(fields)
		if n <= 0 {
			bad = true
			return 0
		}
		fields = fields[n:]
		return v
	}
	h.Index, h.Term = unsigned(), unsigned()
	h.Revision, h.CompactRevision, h.Keys = signed(), signed(), signed()
	h.Files, h.FileBytes = signed(), signed()
	if bad || h.Files < 0 || h.Files > filesMax || h.FileBytes < 0 {
		return Header{}, fmt.Errorf("%w: header", ErrCorrupt)
	}
	return h, nil
}

// checkName refuses names that are no plain file names.
func checkName(name string) error {
	if name == "" || len(name) > nameLenMax || name[0] == '.' {
		return fmt.Errorf("%w: file name %.40q", ErrCorrupt, name)
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return fmt.Errorf("%w: file name %.40q", ErrCorrupt, name)
		}
	}
	return nil
}
