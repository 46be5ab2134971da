package v2http

import (
	"net/http"
	"time"
)

// pieceBytes is how much of an answer a client must take within writeMax: 2 KB/s.
const pieceBytes = 64 << 10

// patience writes in pieces, each with a deadline of its own: a slow reader gets a long answer whole, and one that takes
// nothing does not keep it in memory for ever.
type patience struct {
	w    http.ResponseWriter
	conn *http.ResponseController
	max  time.Duration
}

// Write writes p unless a piece of it takes too long.
func (t *patience) Write(p []byte) (written int, err error) {
	for written < len(p) {
		piece := p[written:min(len(p), written+pieceBytes)]
		_ = t.conn.SetWriteDeadline(time.Now().Add(t.max)) // a connection without deadlines is left to TCP
		n, err := t.w.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
