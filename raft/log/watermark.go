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
	watermarkLength = 8 + 8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// watermark is the second place that knows how far the log was committed and durable (I3). Slots are written in turns and
// without a sync: it costs a write into the page cache for each append, survives a kill, and after a power cut it is only
// old.
type watermark struct {
	mu    sync.Mutex
	file  vfs.File
	index uint64
	slot  int64
}

func encodeWatermark(index uint64) []byte {
	b := binary.BigEndian.AppendUint64([]byte(watermarkMagic), index)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeWatermark(b []byte) (index uint64, ok bool) {
	if len(b) < watermarkLength || string(b[:8]) != watermarkMagic {
		return 0, false
	}
	if crc32.Checksum(b[:16], castagnoli) != binary.BigEndian.Uint32(b[16:]) {
		return 0, false
	}
	return binary.BigEndian.Uint64(b[8:]), true
}

// readWatermark returns the higher of the slots that are whole. exists is false when the file isn't there.
func readWatermark(fs vfs.FS, dir string) (index uint64, exists bool, err error) {
	f, err := fs.Open(fs.PathJoin(dir, watermarkName))
	if oserror.IsNotExist(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("log: open watermark: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 2*watermarkSlot))
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, true, fmt.Errorf("log: read watermark: %w", err)
	}
	whole := false
	for at := 0; at < len(b); at += watermarkSlot {
		if i, ok := decodeWatermark(b[at:]); ok {
			whole = true
			index = max(index, i)
		}
	}
	if !whole {
		return 0, true, fmt.Errorf("%w: %s is unreadable", ErrCorrupt, watermarkName)
	}
	return index, true, nil
}

// createWatermark makes the file, durable in its folder: from then on the folder is known to have been a whole log.
func createWatermark(fs vfs.FS, dir string) error {
	tmp, name := fs.PathJoin(dir, watermarkName+".tmp"), fs.PathJoin(dir, watermarkName)
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("log: create watermark: %w", err)
	}
	b := make([]byte, 2*watermarkSlot)
	copy(b, encodeWatermark(0))
	copy(b[watermarkSlot:], encodeWatermark(0))
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("log: write watermark: %w", err)
	}
	if err := fs.Rename(tmp, name); err != nil {
		return fmt.Errorf("log: create watermark: %w", err)
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("log: sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("log: sync folder: %w", err)
	}
	return nil
}

func openWatermark(fs vfs.FS, dir string, index uint64) (*watermark, error) {
	f, err := fs.OpenReadWrite(fs.PathJoin(dir, watermarkName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("log: open watermark: %w", err)
	}
	return &watermark{file: f, index: index}, nil
}

// raise records that everything up to index is committed and durable. It never goes down.
func (w *watermark) raise(index uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if index <= w.index {
		return nil
	}
	if _, err := w.file.WriteAt(encodeWatermark(index), w.slot*watermarkSlot); err != nil {
		return fmt.Errorf("log: write watermark: %w", err)
	}
	w.index, w.slot = index, 1-w.slot
	return nil
}

// close makes the newest mark durable.
func (w *watermark) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.file.Sync(), w.file.Close())
}
