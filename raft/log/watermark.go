package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	watermarkName   = "WATERMARK"
	watermarkMagic  = "petcdwm1"
	watermarkSlot   = 512 // one sector a slot, so that a torn write spoils one of the two
	watermarkLength = 8 + 4*8 + 4
)

// mark is what was durable: the last entry, and the term and vote of the hard state.
type mark struct{ last, term, vote uint64 }

// skipsMax bounds the appends in a row that the file is not told of.
const skipsMax = 64

// watermark is the second place that knows how far the log was durable (I3). Slots are written in turns, without a sync
// as long as the mark rises: it costs a write into the page cache, survives a kill, and after a power cut it is only old.
// While the log is busy that write is left out for most appends (skip).
type watermark struct {
	skips int // in a row; the log's writer's own

	writing sync.Mutex // held during a write, which may hang with its disk
	file    vfs.File
	seq     uint64 // of the newest slot

	mu   sync.Mutex
	mark mark // what the file says, or is about to say
}

// highest is the highest mark that the file may hold.
func (w *watermark) highest() mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mark
}

func encodeWatermark(seq uint64, m mark) []byte {
	b := append(make([]byte, 0, watermarkLength), watermarkMagic...)
	for _, v := range []uint64{seq, m.last, m.term, m.vote} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeWatermark(b []byte) (seq uint64, m mark, ok bool) {
	const sum = watermarkLength - 4
	if len(b) < watermarkLength || string(b[:8]) != watermarkMagic {
		return 0, mark{}, false
	}
	if crc32.Checksum(b[:sum], castagnoli) != binary.BigEndian.Uint32(b[sum:]) {
		return 0, mark{}, false
	}
	at := func(i int) uint64 { return binary.BigEndian.Uint64(b[8+8*i:]) }
	return at(0), mark{last: at(1), term: at(2), vote: at(3)}, true
}

// readWatermark returns the newer of the slots that are whole. exists is false when the file isn't there.
func readWatermark(fs vfs.FS, dir string) (seq uint64, m mark, exists bool, err error) {
	f, err := fs.Open(fs.PathJoin(dir, watermarkName))
	if oserror.IsNotExist(err) {
		return 0, mark{}, false, nil
	}
	if err != nil {
		return 0, mark{}, false, fmt.Errorf("log: open watermark: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 2*watermarkSlot))
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, mark{}, true, fmt.Errorf("log: read watermark: %w", err)
	}
	for at := 0; at < len(b); at += watermarkSlot {
		if s, found, ok := decodeWatermark(b[at:]); ok && s > seq {
			seq, m = s, found
		}
	}
	if seq == 0 {
		return 0, mark{}, true, fmt.Errorf("%w: %s is unreadable", ErrCorrupt, watermarkName)
	}
	return seq, m, true, nil
}

// createWatermark makes the file, durable in its folder: from then on the folder is known to have been a whole log.
func createWatermark(fs vfs.FS, dir string) error {
	b := make([]byte, 2*watermarkSlot)
	copy(b[watermarkSlot:], encodeWatermark(1, mark{}))
	return writeFile(fs, dir, watermarkName, b)
}

// writeFile makes a file that is durable, and there whole or not at all.
func writeFile(fs vfs.FS, dir, name string, content []byte) error {
	path := fs.PathJoin(dir, name)
	f, err := fs.Create(path+".tmp", vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("log: create %s: %w", name, err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("log: write %s: %w", name, err)
	}
	if err := fs.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("log: create %s: %w", name, err)
	}
	return syncDir(fs, dir)
}

// syncDir makes a folder's names durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("log: sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("log: sync folder: %w", err)
	}
	return nil
}

func openWatermark(fs vfs.FS, dir string, seq uint64, m mark) (*watermark, error) {
	f, err := fs.OpenReadWrite(fs.PathJoin(dir, watermarkName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("log: open watermark: %w", err)
	}
	return &watermark{file: f, seq: max(seq, 1), mark: m}, nil
}

// skip counts an append of which the file is not told, or reports that it must be: after skipsMax of them, when term or vote changed,
// and when no other append is sure to come soon. committed is the commit index that the log has: the entries above it are followed by
// one that says that they are committed, or by another term.
func (w *watermark) skip(m mark, committed uint64) bool {
	told := w.highest()
	if w.skips == skipsMax || m.term != told.term || m.vote != told.vote || m.last <= committed {
		w.skips = 0
		return false
	}
	w.skips++
	return true
}

// set records what is durable now.
func (w *watermark) set(m mark) error {
	if !w.intend(m) {
		return nil
	}
	return w.fulfill(m)
}

// intend says what the file is about to hold; false when it holds that, or is about to. What is intended later takes its place.
func (w *watermark) intend(m mark) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := m != w.mark
	w.mark = m
	return changes
}

// fulfill writes a mark, unless another one was intended since: a disk that hung may come to it late, and the log may have been cut
// short by then.
func (w *watermark) fulfill(m mark) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	if m != w.highest() {
		return nil
	}
	return w.write(m)
}

// lower must come before entries above last are replaced: should the machine fail between, a mark that is too high would
// take the shorter log for a damaged one. So it is durable on return. It is rare: a new leader overwrites what an old one
// could not commit.
func (w *watermark) lower(last uint64) error {
	if last >= w.highest().last {
		return nil
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	m := w.highest()
	m.last = last
	w.intend(m)
	if err := w.write(m); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("log: sync watermark: %w", err)
	}
	return nil
}

func (w *watermark) write(m mark) error {
	seq := w.seq + 1
	if _, err := w.file.WriteAt(encodeWatermark(seq, m), int64(seq%2)*watermarkSlot); err != nil {
		return fmt.Errorf("log: write watermark: %w", err)
	}
	w.seq = seq
	return nil
}

// close makes the newest mark durable.
func (w *watermark) close() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	return errors.Join(w.file.Sync(), w.file.Close())
}
