package log

import (
	"io"
	"unsafe"
)

const (
	// blockBytes is what offsets, lengths and memory of direct writes are multiples of. No disk asks for more in practice;
	// one that does is written through the page cache.
	blockBytes = 4 << 10
	// stretchBytes is how far beyond a record the file is filled with zeros at once.
	stretchBytes = 128 << 10
	// stretchRecordMax is the largest record that is worth it: of a larger one the blocks are new for the most part anyway.
	stretchRecordMax = 16 << 10
	// directBufferMax is the largest buffer that is kept.
	directBufferMax = 1 << 20
)

// directWriter writes records to the end of a file in whole blocks, past the page cache (direct I/O). The block that a record ends in is
// kept, and written again with the next one.
//
// A block that is written for the first time costs a sync of the file system's journal, even where its place was reserved. So the file
// is filled with zeros in stretches: one write in some hundreds pays for that, instead of one in ten. With the page cache out of the
// way that leaves a sync nothing to do but to wait for the disk.
type directWriter struct {
	file interface {
		io.WriterAt
		io.Closer
	}
	buf    []byte // aligned; what it begins with is in the file from base on
	base   int64
	have   int   // bytes of buf that are records'
	filled int64 // up to here the blocks have been written
	room   int64 // up to here zeros may go
}

// append writes b behind what was written.
func (w *directWriter) append(b []byte) error {
	need := w.have + len(b)
	end := roundUp(w.base+int64(need), blockBytes)
	if end > w.filled && len(b) <= stretchRecordMax {
		end = max(end, min(roundUp(end, stretchBytes), w.room))
	}
	n := int(end - w.base)
	w.grow(n)
	copy(w.buf[w.have:], b)
	clear(w.buf[need:n])
	if _, err := w.file.WriteAt(w.buf[:n], w.base); err != nil {
		return err
	}
	w.filled = max(w.filled, end)
	whole := need / blockBytes * blockBytes
	copy(w.buf, w.buf[whole:need])
	w.base, w.have = w.base+int64(whole), need-whole
	if len(w.buf) > directBufferMax {
		rest := w.buf[:w.have]
		w.buf = alignedBytes(stretchBytes)
		copy(w.buf, rest)
	}
	return nil
}

// grow makes room for n bytes.
func (w *directWriter) grow(n int) {
	if n <= len(w.buf) {
		return
	}
	larger := alignedBytes(int(roundUp(int64(n), stretchBytes)))
	copy(larger, w.buf[:w.have])
	w.buf = larger
}

// close closes the file. What was written stays readable by others' descriptors.
func (w *directWriter) close() error {
	if w == nil {
		return nil
	}
	return w.file.Close()
}

// alignedBytes allocates n bytes whose address is a multiple of blockBytes.
func alignedBytes(n int) []byte {
	b := make([]byte, n+blockBytes)
	past := int(uintptr(unsafe.Pointer(&b[0])) % blockBytes)
	return b[blockBytes-past:][:n]
}

// roundUp is the smallest multiple of unit that is not less than n.
func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
