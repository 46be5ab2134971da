package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// newRoundTripper makes an HTTP client whose connections fail when a read or a write takes longer than its timeout; 0 means
// that it may take any time.
func newRoundTripper(c *Config, read, write time.Duration) http.RoundTripper {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	timed := func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &timeoutConn{Conn: c, read: read, write: write}, nil
	}
	return &http.Transport{
		DialContext:    timed,
		DialTLSContext: DialTLS(timed, c.TLS),
		// A connection with a read timeout can't idle, and posts are rare.
		DisableKeepAlives:     true,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		ResponseHeaderTimeout: answerTimeout,
	}
}

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// timeoutConn gives each read and each write its own deadline.
type timeoutConn struct {
	net.Conn
	read, write time.Duration
}

func (c *timeoutConn) Read(b []byte) (int, error) {
	if c.read > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.read)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *timeoutConn) Write(b []byte) (int, error) {
	if c.write > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// newRequest makes a request to p that says who asks.
func (p *peer) newRequest(ctx context.Context, method, path string, body io.Reader) (req *http.Request, base string, err error) {
	base, url := p.urls.pick(path)
	if url == "" {
		return nil, base, fmt.Errorf("transport: peer %s has no usable URL %q", hexID(p.id), base)
	}
	req, err = http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, base, fmt.Errorf("transport: request to %s: %w", url, err)
	}
	c := &p.t.cfg
	req.Header.Set("X-Server-From", hexID(c.ID))
	req.Header.Set("X-Server-Version", c.Version)
	req.Header.Set("X-Min-Cluster-Version", c.MinClusterVersion)
	req.Header.Set("X-Etcd-Cluster-ID", hexID(c.ClusterID))
	req.Header.Set("X-Raft-To", hexID(p.id))
	if urls := c.PeerURLs(); len(urls) > 0 {
		req.Header.Set("X-PeerURLs", strings.Join(urls, ","))
	}
	return req, base, nil
}

// refusal makes an error of an answer that isn't the wanted one, and closes it.
func (p *peer) refusal(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, replyBytesMax))
	err = errors.Join(err, resp.Body.Close())
	text := strings.TrimSpace(string(body))
	switch {
	case err != nil:
		return fmt.Errorf("transport: peer %s: %s: %w", hexID(p.id), resp.Status, err)
	case resp.Header.Get("X-Etcd-Cluster-ID") == hexID(p.t.cfg.ClusterID) && strings.Contains(text, removedText) &&
		(resp.StatusCode == http.StatusGone || resp.StatusCode == http.StatusForbidden):
		if p.t.cfg.Removed != nil {
			p.t.cfg.Removed()
		}
		return ErrRemoved
	case resp.StatusCode == http.StatusPreconditionFailed && text == ErrIncompatible.Error():
		return ErrIncompatible
	case resp.StatusCode == http.StatusPreconditionFailed && text == ErrClusterID.Error():
		return ErrClusterID
	}
	return fmt.Errorf("transport: peer %s: %s: %s", hexID(p.id), resp.Status, text)
}
