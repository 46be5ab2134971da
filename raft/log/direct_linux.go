package log

import (
	"os"

	"golang.org/x/sys/unix"
)

// openDirect opens the end of a file of size bytes for direct writes; behind them, up to room, are zeros or nothing. It returns
// nil where the file system does not offer that. Some tell only when one writes, so the last block is written once more.
func openDirect(path string, size, room int64) *directWriter {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return nil
	}
	w := &directWriter{file: f, buf: alignedBytes(stretchBytes), base: size / blockBytes * blockBytes, room: room}
	w.have, w.filled = int(size-w.base), w.base+blockBytes
	block := w.buf[:blockBytes]
	if n, _ := f.ReadAt(block, w.base); n >= w.have {
		clear(block[w.have:])
		if _, err := f.WriteAt(block, w.base); err == nil {
			return w
		}
	}
	_ = f.Close()
	return nil
}
