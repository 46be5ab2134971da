package workload

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// httpConn is one kept HTTP/1.1 connection. A request is written as bytes at once and the answer read by net/http: a whole
// http.Client would cost the load generator more than the servers spend.
type httpConn struct {
	host string
	mu   sync.Mutex // one request at a time; clients of one connection take turns
	conn net.Conn
	in   *bufio.Reader
}

// dialHTTP opens an HTTP connection beside each gRPC connection, to the same member. They end with ctx.
func dialHTTP(ctx context.Context, conns []Conn) ([]*httpConn, error) {
	var out []*httpConn
	for _, c := range conns {
		named, ok := c.(interface{ Target() string })
		if !ok {
			return nil, fmt.Errorf("%w: a connection without an address", ErrParameters)
		}
		h, err := openHTTP(ctx, strings.TrimPrefix(named.Target(), "passthrough:///"))
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// openHTTP connects to one address.
func openHTTP(ctx context.Context, address string) (*httpConn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("workload: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &httpConn{host: address, conn: conn, in: bufio.NewReaderSize(conn, 2048)}, nil
}

// ask writes a request and returns the answer when its header has come. REQUIRES: no other request is under way.
func (h *httpConn) ask(request []byte) (*http.Response, error) {
	if _, err := h.conn.Write(request); err != nil {
		return nil, err
	}
	return http.ReadResponse(h.in, nil)
}

// do asks and reads the whole body into buf, which it returns grown.
func (h *httpConn) do(request, buf []byte) (status int, body []byte, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	resp, err := h.ask(request)
	if err != nil {
		return 0, buf, err
	}
	body, err = appendAll(buf[:0], resp.Body)
	return resp.StatusCode, body, err
}

// appendAll reads to the end.
func appendAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}
