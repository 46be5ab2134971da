package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// segmentReader takes the records of a segment from its beginning on. It reads the file piece by piece, no further than the records
// go: what is behind them is room, which may be most of the file.
type segmentReader struct {
	file vfs.File
	size int64  // of the file
	at   int64  // up to here it was read
	rest []byte // read, and not taken yet
}

// pieceBytes is how much is read at once.
const pieceBytes = 256 << 10

func newSegmentReader(f vfs.File) (*segmentReader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("log: read segment: %w", err)
	}
	r := &segmentReader{file: f, size: info.Size()}
	return r, r.read(0)
}

// take takes the next record, as takeFrame does.
func (r *segmentReader) take(before uint32) (payload []byte, sum uint32, ok bool, err error) {
	for {
		if payload, sum, ok = takeFrame(r.rest, before); ok {
			r.rest = r.rest[frameSize+len(payload):]
			return payload, sum, true, nil
		}
		missing := r.missing()
		if missing == 0 {
			return nil, 0, false, nil
		}
		if err := r.read(missing); err != nil {
			return nil, 0, false, err
		}
	}
}

// missing is how much of the next record was not read yet; 0 also when the file does not have it.
func (r *segmentReader) missing() int64 {
	want := int64(frameSize)
	if len(r.rest) >= frameSize {
		want += int64(binary.BigEndian.Uint32(r.rest))
	}
	if missing := want - int64(len(r.rest)); missing > 0 && missing <= r.size-r.at {
		return missing
	}
	return 0
}

// read reads at least n bytes more, unless the file ends. What was taken before stays as it is.
func (r *segmentReader) read(n int64) error {
	n = min(max(n, pieceBytes), r.size-r.at)
	next := make([]byte, int64(len(r.rest))+n)
	copy(next, r.rest)
	got, err := r.file.ReadAt(next[len(r.rest):], r.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("log: read segment: %w", err)
	}
	if int64(got) < n {
		r.size = r.at + int64(got)
	}
	r.rest, r.at = next[:len(r.rest)+got], r.at+int64(got)
	return nil
}
