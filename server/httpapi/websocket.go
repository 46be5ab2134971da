package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// tokenCookie is the cookie that stands for an Authorization header, which a
// browser's script cannot set on a websocket.
const tokenCookie = "token"

// websockets lets clients speak to the gateway over a websocket: a message from
// the client is one JSON value of the request's body, a line of the response is
// one message to the client. It is for streams, so the method is always POST.
type websockets struct {
	next       http.Handler
	messageMax int64
	logger     *slog.Logger
}

// upgrader takes any origin: which may come is the access control's to say.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// ServeHTTP passes what is no websocket on as it is.
func (s *websockets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		s.next.ServeHTTP(w, r)
		return
	}
	var answer http.Header
	if strings.HasPrefix(r.Header.Get("Sec-WebSocket-Protocol"), "Bearer") {
		answer = http.Header{"Sec-WebSocket-Protocol": {"Bearer"}}
	}
	conn, err := upgrader.Upgrade(w, r, answer)
	if err != nil {
		s.logger.Warn("error upgrading websocket", "error", err)
		return
	}
	defer func() { _ = conn.Close() }()
	conn.SetReadLimit(s.messageMax)
	s.serve(conn, r)
}

// serve runs one request over an open websocket. It ends with the gateway's
// answer, with the client, or with the member.
func (s *websockets) serve(conn *websocket.Conn, r *http.Request) {
	// The HTTP server does not close what was taken from it, and a client that reads nothing keeps a write waiting.
	defer context.AfterFunc(r.Context(), func() { _ = conn.Close() })()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	body, messages := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL.String(), body)
	if err != nil {
		s.logger.Warn("error preparing request", "error", err)
		return
	}
	request.Header, request.RemoteAddr = forwarded(r), r.RemoteAddr
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer cancel()
		s.readMessages(conn, messages)
	}()
	lines := &lineWriter{conn: conn, header: http.Header{}}
	s.next.ServeHTTP(lines, request)
	if err := lines.end(); err != nil && ctx.Err() == nil {
		s.logger.Debug("error writing websocket message", "error", err)
	}
	_ = conn.Close() // ends the reader
	_ = body.Close()
	<-read
}

// readMessages copies the client's messages into the request's body until there
// are no more.
func (s *websockets) readMessages(conn *websocket.Conn, body *io.PipeWriter) {
	defer func() { _ = body.Close() }() // fails only if closed before
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
				s.logger.Debug("error reading websocket message", "error", err)
			}
			return
		}
		if _, err := body.Write(append(message, '\n')); err != nil {
			return // the request has ended
		}
	}
}

// forwarded are the headers of a websocket's request: where the page came from,
// and the token, which is in the cookie or in the protocols that the client
// offers ("Bearer, TOKEN").
func forwarded(r *http.Request) http.Header {
	h := http.Header{}
	for _, name := range []string{"Origin", "Referer"} {
		if v := r.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	if protocols := r.Header.Get("Sec-WebSocket-Protocol"); protocols != "" {
		if _, token, found := strings.Cut(protocols, "Bearer,"); found {
			h.Set("Authorization", "Bearer "+strings.Trim(token, " "))
		}
	}
	if cookie, err := r.Cookie(tokenCookie); err == nil {
		h.Set("Authorization", "Bearer "+cookie.Value)
	}
	return h
}

// lineWriter is a response whose lines are messages of a websocket. Status and
// headers have no place there and are dropped.
type lineWriter struct {
	conn   *websocket.Conn
	header http.Header
	line   []byte
}

// Header is for the gateway to write to.
func (w *lineWriter) Header() http.Header { return w.header }

// WriteHeader does nothing.
func (w *lineWriter) WriteHeader(int) {}

// Flush does nothing: a line that is whole was sent.
func (w *lineWriter) Flush() {}

// Write sends every line that p ends.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		w.line = append(w.line, line...)
		if !ended {
			return n, nil
		}
		if err := w.end(); err != nil {
			return 0, err
		}
		p = rest
	}
}

// end sends the line written so far, unless it is empty.
func (w *lineWriter) end() error {
	if len(w.line) == 0 {
		return nil
	}
	err := w.conn.WriteMessage(websocket.TextMessage, w.line)
	w.line = w.line[:0]
	return err
}
