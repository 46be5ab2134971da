package log

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	segmentSuffix = ".log"
	newSuffix     = ".new" // of a segment whose head is not durable yet
)

// place is where segments are made.
type place struct {
	fs  vfs.FS
	dir string
}

func (p place) path(name string) string { return p.fs.PathJoin(p.dir, name) }

// segment is one open file of the log. Its writer changes it; readers read the file.
type segment struct {
	place
	seq    uint64
	file   vfs.File
	direct *directWriter // writes its end; nil: file does
	size   int64         // bytes of its records
	sum    uint32        // checksum of the newest one
}

func segmentName(seq uint64) string { return fmt.Sprintf("%016x%s", seq, segmentSuffix) }

// segmentSeq is the sequence number in a segment's name.
func segmentSeq(name string) (seq uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 || strings.ToLower(digits) != digits {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 16, 64)
	return seq, err == nil
}

// createSegment makes a segment that begins with records, the first of which has a head; each is room for a frame, then the
// payload; where they lie is returned. It is durable on return. room is how long the file is made beforehand: a sync that need not
// write a new length costs about half.
func createSegment(p place, seq uint64, room int64, records ...[]byte) (_ *segment, at []position, err error) {
	name := segmentName(seq)
	f, err := p.fs.Create(p.path(name+newSuffix), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, nil, fmt.Errorf("log: create segment: %w", err)
	}
	s := &segment{place: p, seq: seq, file: f}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("log: create segment %s: %w", name, err), f.Close())
		}
	}()
	extend(f, room)
	for _, r := range records {
		position, err := s.append(r)
		if err != nil {
			return nil, nil, err
		}
		at = append(at, position)
	}
	if err := f.Sync(); err != nil {
		return nil, nil, err
	}
	if err := p.fs.Rename(p.path(name+newSuffix), p.path(name)); err != nil {
		return nil, nil, err
	}
	if p.fs == vfs.Default { // what stands in for the machine's files has no others beside them
		s.direct = openDirect(p.path(name), s.size, room)
	}
	return s, at, syncDir(p.fs, p.dir)
}

// isNewSegment recognizes the name of a segment whose creation was cut off.
func isNewSegment(name string) bool {
	whole, ok := strings.CutSuffix(name, newSuffix)
	if ok {
		_, ok = segmentSeq(whole)
	}
	return ok
}

// append writes a record at the end, without a sync; b is room for the frame, then the payload.
func (s *segment) append(b []byte) (position, error) {
	at := position{seg: s, offset: s.size, length: len(b), before: s.sum}
	sum := putFrame(b, s.sum)
	var err error
	if s.direct != nil {
		err = s.direct.append(b)
	} else {
		_, err = s.file.WriteAt(b, s.size)
	}
	if err != nil {
		return position{}, err
	}
	s.size += int64(len(b))
	s.sum = sum
	return at, nil
}

// seal ends writing.
func (s *segment) seal() error {
	w := s.direct
	s.direct = nil
	return w.close()
}

// close closes the files of a segment that nobody uses any more.
func (s *segment) close() error { return errors.Join(s.direct.close(), s.file.Close()) }

// read reads the payload of a record.
func (p position) read() ([]byte, error) {
	b := make([]byte, p.length)
	if n, err := p.seg.file.ReadAt(b, p.offset); err != nil && (n < len(b) || !errors.Is(err, io.EOF)) {
		return nil, fmt.Errorf("log: read %s at offset %d: %w", segmentName(p.seg.seq), p.offset, err)
	}
	payload, _, ok := takeFrame(b, p.before)
	if !ok {
		return nil, fmt.Errorf("%w: %s at offset %d", ErrCorrupt, segmentName(p.seg.seq), p.offset)
	}
	return payload, nil
}
