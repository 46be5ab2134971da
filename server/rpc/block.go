package rpc

import (
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// block is the header block that is being read. Nothing of it is kept but its fields, and those only up to a limit: what
// comes after is decoded, because the next blocks depend on it, and forgotten.
type block struct {
	limits  *limits
	decoder *hpack.Decoder

	id     uint32
	ended  bool // the stream has ended with it
	frames int
	bytes  int // as they came

	fields   []hpack.HeaderField // used again by the next block
	size     int                 // of the fields
	tooLarge bool
	itself   bool // the stream depends on itself (RFC 9113, 5.3.1)
}

// init makes it ready for the first block.
func (b *block) init(l *limits) {
	b.limits = l
	b.decoder = hpack.NewDecoder(tableStart, b.add)
	b.decoder.SetMaxStringLength(l.headerList)
}

// begin begins a block.
func (b *block) begin(f *http2.HeadersFrame) {
	clear(b.fields)
	*b = block{limits: b.limits, decoder: b.decoder, fields: b.fields[:0], id: f.StreamID, ended: f.StreamEnded()}
	b.itself = f.HasPriority() && f.Priority.StreamDep == f.StreamID
	b.decoder.SetEmitEnabled(true)
}

// add takes a field.
func (b *block) add(f hpack.HeaderField) {
	if b.size += int(f.Size()); b.size > b.limits.headerList {
		b.tooLarge = true
		b.decoder.SetEmitEnabled(false)
		return
	}
	b.fields = append(b.fields, f)
}

// fragment takes a frame's part of a block, and what the block says once it is whole.
func (c *conn) fragment(p []byte, whole bool) error {
	b := &c.block
	b.frames++
	b.bytes += len(p)
	// Compression never makes a field that is taken longer than it is.
	if b.frames > c.limits.continuations || b.bytes > 2*c.limits.headerList {
		return violates(http2.ErrCodeEnhanceYourCalm, "a header block is too large")
	}
	if _, err := b.decoder.Write(p); err != nil {
		return violates(http2.ErrCodeCompression, "a header block cannot be decoded")
	}
	if !whole {
		return nil
	}
	if err := b.decoder.Close(); err != nil {
		return violates(http2.ErrCodeCompression, "a header block cannot be decoded")
	}
	return c.opened()
}
