package log

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// copiesMax bounds how often a log is copied that is shortened meanwhile.
const copiesMax = 10

// Copy copies a log to a folder that must not exist, and makes the copy durable. A member may be writing the log: it is only
// read, and what was durable before the call is in the copy. When entries are replaced meanwhile, Open may take the copy for a
// damaged log (ErrCorrupt); then another one is due. REQUIRES: the log has no failover folder.
func Copy(fs vfs.FS, from, to string) error {
	for n := 1; ; n++ {
		err := copyOnce(place{fs, from}, place{fs, to})
		if err == nil {
			return nil
		}
		err = errors.Join(err, fs.RemoveAll(to))
		if !oserror.IsNotExist(err) || n == copiesMax {
			return fmt.Errorf("log: copy %s: %w", from, err)
		}
	}
}

// copyOnce fails with what the file system says of a missing file when a segment is removed under its hands.
func copyOnce(from, to place) error {
	if err := makeDir(to.fs, to.dir); err != nil {
		return err
	}
	// The watermark comes first: what it tells of is in the segments by now.
	mark, err := readFile(from, watermarkName)
	switch {
	case err == nil:
		err = writeFile(to.fs, to.dir, watermarkName, mark)
	case oserror.IsNotExist(err):
		err = nil // a creation that was cut off, which Open tells from damage
	}
	if err != nil {
		return err
	}
	names, err := from.fs.List(from.dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if _, ok := segmentSeq(name); !ok {
			continue
		}
		data, err := readRecords(from, name)
		if err != nil {
			return err
		}
		if err := writeFile(to.fs, to.dir, name, data); err != nil {
			return err
		}
	}
	return nil
}

func readFile(p place, name string) (b []byte, err error) {
	f, err := p.fs.Open(p.path(name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}

// readRecords reads a segment's whole records, as they are in the file.
func readRecords(p place, name string) (records []byte, err error) {
	f, err := p.fs.Open(p.path(name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := newSegmentReader(f)
	if err != nil {
		return nil, err
	}
	for sum := uint32(0); ; {
		payload, next, ok, err := r.take(sum)
		if err != nil || !ok {
			return records, err
		}
		records = append(records, make([]byte, frameSize)...)
		records = append(records, payload...)
		putFrame(records[len(records)-frameSize-len(payload):], sum)
		sum = next
	}
}
