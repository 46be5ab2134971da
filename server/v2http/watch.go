package v2http

import (
	"io"
	"net/http"
	"time"
)

// writeMax is how long a client may take for one piece of what is written to it.
const writeMax = 30 * time.Second

// serveWatch answers with the next change, or with every one.
//
// The headers leave at once: a client knows by them that changes after this moment will be seen. The handler waits on its own
// goroutine, net/http's; there is no other, and no queue. A client that falls too far behind is told nothing more, and a new
// watch from the index it has seen will say that the history is gone.
func (h *Handler) serveWatch(w http.ResponseWriter, r *http.Request, k *keyRequest) {
	// net/http looks whether the client has left only once the body was read.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		formError(err).write(w)
		return
	}
	stream := k.req.Stream
	watcher, err := h.member.Watch(k.req.Path, k.req.Recursive, stream, k.req.Since)
	if err != nil {
		keyErrorOf(err).write(w)
		return
	}
	defer watcher.Close()
	conn := http.NewResponseController(w)
	h.setIndexes(w, watcher.StartIndex())
	w.WriteHeader(http.StatusOK)
	// A connection without deadlines is left to TCP. It may carry other requests after this one.
	defer func() { _ = conn.SetWriteDeadline(time.Time{}) }()
	_ = conn.SetWriteDeadline(time.Now().Add(h.writeMax))
	if conn.Flush() != nil {
		return
	}
	for {
		event, err := watcher.Next(r.Context())
		if err != nil { // the client left, the member closes, or the history went past this reader
			return
		}
		if !h.sendEvent(w, event) || !stream || conn.Flush() != nil {
			return
		}
	}
}
