package v3

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/petcd/petcd/etcdctl/printer"
)

// petcd's snapshot archive, as far as its status goes (the whole format is in
// docs/disk-format.md). Integers are big endian:
//
//	"petcdsnp" | version u32 | length u32 | header | CRC-32C u32 of all this
//
// and the header is varints: index and term, unsigned, then revision, compact
// revision and number of live keys, signed.
const (
	archiveMagic     = "petcdsnp"
	archiveVersion   = 1
	archiveHeaderMax = 4096 // bytes
)

// archiveStatus reads the header of an archive whose checksum sum was verified.
func archiveStatus(f *os.File, sum []byte) (printer.SnapshotStatus, error) {
	if sum == nil {
		return printer.SnapshotStatus{}, fmt.Errorf("%w: it is cut off", errSnapshot)
	}
	info, err := f.Stat()
	if err != nil {
		return printer.SnapshotStatus{}, err
	}
	header, err := archiveHeader(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return printer.SnapshotStatus{}, err
	}
	status := printer.SnapshotStatus{Hash: binary.BigEndian.Uint32(sum), TotalSize: info.Size()}
	var fields [2]uint64 // index and term are not shown
	for i := range fields {
		var n int
		if fields[i], n = binary.Uvarint(header); n <= 0 {
			return printer.SnapshotStatus{}, errArchiveHeader
		}
		header = header[n:]
	}
	var signed [3]int64
	for i := range signed {
		var n int
		if signed[i], n = binary.Varint(header); n <= 0 {
			return printer.SnapshotStatus{}, errArchiveHeader
		}
		header = header[n:]
	}
	status.Revision, status.TotalKey = signed[0], int(signed[2])
	return status, nil
}

// castagnoli is the polynomial of the checksums in both kinds of snapshots.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errArchiveHeader = fmt.Errorf("%w: damaged header", errSnapshot)

// archiveHeader returns the header's fields, still encoded.
func archiveHeader(r io.Reader) ([]byte, error) {
	begin := make([]byte, len(archiveMagic)+8)
	if _, err := io.ReadFull(r, begin); err != nil {
		return nil, errArchiveHeader
	}
	if v := binary.BigEndian.Uint32(begin[len(archiveMagic):]); v != archiveVersion {
		return nil, fmt.Errorf("%w: format %d; this etcdctl knows %d", errSnapshot, v, archiveVersion)
	}
	length := binary.BigEndian.Uint32(begin[len(archiveMagic)+4:])
	if length > archiveHeaderMax {
		return nil, errArchiveHeader
	}
	rest := make([]byte, length+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, errArchiveHeader
	}
	crc := crc32.Checksum(begin, castagnoli)
	crc = crc32.Update(crc, castagnoli, rest[:length])
	if crc != binary.BigEndian.Uint32(rest[length:]) {
		return nil, errArchiveHeader
	}
	return rest[:length], nil
}
