package listener

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// http2 is how HTTP/2 is called when a TLS handshake agrees on a protocol.
const http2 = "h2"

// handshakeByte is the first of every TLS connection: a record of the
// handshake (RFC 8446, 5.1).
const handshakeByte = 0x16

// opensTLS looks at a connection's first byte.
func opensTLS(c *conn) (bool, error) {
	first := make([]byte, 1)
	if _, err := c.Read(first); err != nil {
		return false, err
	}
	c.read = first
	return first[0] == handshakeByte, nil
}

// listening is a configuration that also notes what a client offers.
func listening(config *tls.Config) *tls.Config {
	c := config.Clone()
	next := c.GetConfigForClient
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if from, ok := hello.Conn.(*conn); ok {
			from.heard(hello.SupportedProtos)
		}
		if next == nil {
			return nil, nil
		}
		return next(hello)
	}
	return c
}

// secure does the TLS handshake. A client that can speak nothing but HTTP/2
// is gRPC's: their libraries offer just that. One that would take HTTP/1, too,
// may be either, and shows with each request.
func (s *Splitter) secure(ctx context.Context, c *conn) (*queue, net.Conn, error) {
	t := tls.Server(c, s.rules.TLS)
	err := t.HandshakeContext(ctx)
	if err == nil && s.rules.Check != nil {
		err = s.rules.Check(ctx, t)
	}
	if err != nil {
		if s.rules.Refused != nil {
			s.rules.Refused(t, err)
		}
		return nil, nil, err
	}
	if !s.rules.HTTPOnly && !c.http1 && t.ConnectionState().NegotiatedProtocol == http2 {
		return s.grpc, t, nil
	}
	return s.http, t, nil
}

// Secure is a listener of l's connections that have passed the rules' TLS
// handshake, for a port that speaks nothing but HTTP. Rules without TLS let
// everybody pass and still count connections.
func Secure(l net.Listener, r Rules) net.Listener {
	r.HTTPOnly = true
	return &secured{split: Split(l, r), ended: make(chan struct{})}
}

// secured is a splitter as one listener. It begins to accept when somebody
// waits for a connection.
type secured struct {
	split *Splitter
	begin sync.Once
	ended chan struct{} // closed when Serve has returned
	err   error         // of Serve; valid after ended
}

// Accept waits for the next connection.
func (s *secured) Accept() (net.Conn, error) {
	s.begin.Do(func() {
		go func() {
			defer close(s.ended)
			s.err = s.split.Serve()
		}()
	})
	select {
	case c := <-s.split.http.conns:
		return c, nil
	case <-s.ended:
		return nil, s.err
	}
}

// Close stops accepting.
func (s *secured) Close() error {
	err := s.split.Close()
	s.begin.Do(func() {
		s.err = net.ErrClosed
		close(s.ended)
	})
	<-s.ended
	return err
}

// Addr is the socket's.
func (s *secured) Addr() net.Addr { return s.split.root.Addr() }
