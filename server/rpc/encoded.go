package rpc

import "math"

// Encoder is an answer whose handler made its bytes, which are sent instead of a message's.
type Encoder interface {
	Encoding() *Encoded
}

// Encoded is a message's bytes, written one after the other, in pieces: a large message is in no buffer of its size, and what has
// been sent of it is free. The zero value is an empty message. An Encoded is sent once.
type Encoded struct {
	pieces []*[]byte // of the pool; the first begins with room for the prefix
	size   int
}

const (
	pieceMin = 1 << 10
	pieceMax = 64 << 10

	// messageMax is what a message may have: with its prefix it fits into an int32.
	messageMax = math.MaxInt32 - prefixLen
)

// Encoding makes an Encoded an Encoder.
func (e *Encoded) Encoding() *Encoded { return e }

// Size is how many bytes were written.
func (e *Encoded) Size() int { return e.size }

// Write adds to the message. It fails, with the call's status, once that is too large to be sent.
func (e *Encoded) Write(p []byte) (int, error) {
	n := len(p)
	if e.size += n; e.size > messageMax {
		return 0, errTooLarge(e.size)
	}
	for len(p) > 0 {
		last := e.room()
		taken := copy((*last)[len(*last):cap(*last)], p)
		*last, p = (*last)[:len(*last)+taken], p[taken:]
	}
	return n, nil
}

// room is a piece with room.
func (e *Encoded) room() *[]byte {
	if n := len(e.pieces); n > 0 && len(*e.pieces[n-1]) < cap(*e.pieces[n-1]) {
		return e.pieces[n-1]
	}
	piece := pool.Get(min(max(pieceMin, e.size), pieceMax))
	*piece = (*piece)[:0]
	if len(e.pieces) == 0 {
		*piece = (*piece)[:prefixLen]
	}
	e.pieces = append(e.pieces, piece)
	return piece
}

// Free gives the memory of a message back that is not sent.
func (e *Encoded) Free() {
	for _, piece := range e.pieces {
		pool.Put(piece)
	}
	*e = Encoded{}
}

// body is the message with its prefix, to be sent. The Encoded is empty then.
func (e *Encoded) body(format byte) body {
	if len(e.pieces) == 0 {
		e.room()
	}
	first := e.pieces[0]
	prefix(*first, format, e.size)
	e.pieces[0] = nil // as in next
	b := body{first: first, rest: e.pieces[1:]}
	*e = Encoded{}
	return b
}
