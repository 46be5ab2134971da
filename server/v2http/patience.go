package v2http

import (
	"net/http"
	"time"
)

// pieceBytes is how much of an answer a client must take within writeMax: 2 KB/s.
const pieceBytes = 64 << 10

// bufferedMax is how much of an answer net/http keeps until the handler is done: writing so little never waits for the client.
const bufferedMax = 2048

// patience writes in pieces, each with a deadline of its own: a slow reader gets a long answer whole, and one that takes
// nothing does not keep it in memory for ever.
type patience struct {
	w    http.ResponseWriter
	conn *http.ResponseController
	max  time.Duration
}

// patience makes a writer that waits for a client, but not for ever.
func (h *Handler) patience(w http.ResponseWriter) *patience {
	return &patience{w: w, conn: http.NewResponseController(w), max: h.writeMax}
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
