package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// preface opens every HTTP/2 connection.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

const (
	// ShowTimeout is how long a client may take to show what it speaks, the
	// TLS handshake included.
	ShowTimeout = 10 * time.Second
	// PendingMax is how many of a port's connections may be about to show it.
	PendingMax = 2048
	// patience is how long a client may always keep a full port waiting: a
	// round trip over a long way.
	patience = 200 * time.Millisecond
	// acceptPauseMax is the longest pause after an accept that failed, for
	// lack of file descriptors say.
	acceptPauseMax = time.Second
)

// Rules are what a port speaks. Without TLS it is all plain.
type Rules struct {
	// TLS makes the port speak it.
	TLS *tls.Config
	// Plain lets clients come without TLS, too, on the same port.
	Plain bool
	// HTTPOnly leaves gRPC out: all connections go to HTTP.
	HTTPOnly bool
	// Check is asked after a TLS handshake; an error closes the connection.
	Check func(ctx context.Context, c *tls.Conn) error
	// Refused is told of TLS handshakes and checks that failed; may be nil.
	Refused func(c *tls.Conn, err error)
	// Limit bounds the connections; nil does not.
	Limit Limit
}

// Splitter divides one listener's connections between two listeners.
type Splitter struct {
	root    net.Listener
	rules   Rules
	timeout time.Duration
	grpc    *queue
	http    *queue
	pending *pending
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
}

// Split makes a splitter of l; Serve runs it.
func Split(l net.Listener, r Rules) *Splitter {
	s := &Splitter{
		root:    l,
		rules:   r,
		timeout: ShowTimeout,
		grpc:    newQueue(l.Addr()),
		http:    newQueue(l.Addr()),
		pending: newPending(PendingMax, patience),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if r.TLS != nil {
		s.rules.TLS = listening(r.TLS)
	}
	return s
}

// GRPC is the listener of the connections that are for gRPC alone. Those that
// came by TLS are *tls.Conn with the handshake done.
func (s *Splitter) GRPC() net.Listener { return s.grpc }

// HTTP is the listener of all others. A *tls.Conn among them may have agreed
// on HTTP/2, and may carry gRPC's calls as well.
func (s *Splitter) HTTP() net.Listener { return s.http }

// Close stops accepting. Connections already handed on stay open, all others
// are closed.
func (s *Splitter) Close() error {
	err := s.root.Close()
	s.cancel()
	s.grpc.Close()
	s.http.Close()
	s.pending.close()
	return err
}

// Serve accepts until Close. The error is net.ErrClosed then.
func (s *Splitter) Serve() error {
	defer s.grpc.Close()
	defer s.http.Close()
	pause := time.Duration(0)
	for s.rules.Limit.take(s.ctx.Done()) {
		accepted, err := s.root.Accept()
		if err == nil {
			pause = 0
			c := newConn(accepted, s.rules.Limit.give)
			if !s.pending.admit(c) {
				c.Close()
				continue
			}
			go s.receive(c)
			continue
		}
		s.rules.Limit.give()
		var ne net.Error
		if errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
	}
	return net.ErrClosed
}

// receive finds out what a connection is and hands it on.
func (s *Splitter) receive(c *conn) {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	var to *queue
	var handed net.Conn = c
	err := c.SetDeadline(time.Now().Add(s.timeout))
	if err == nil {
		to, handed, err = s.identify(ctx, c)
	}
	c.handed = true
	s.pending.remove(c)
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		c.Close()
		return
	}
	to.push(handed)
}

// identify reads of a connection what shows whose it is.
func (s *Splitter) identify(ctx context.Context, c *conn) (*queue, net.Conn, error) {
	if s.rules.TLS != nil {
		secure := true
		if s.rules.Plain {
			var err error
			if secure, err = opensTLS(c); err != nil {
				return nil, nil, err
			}
		}
		if secure {
			return s.secure(ctx, c)
		}
	}
	if s.rules.HTTPOnly {
		return s.http, c, nil
	}
	to, err := s.sniff(c)
	return to, c, err
}

// sniff reads as far as the connection agrees with the preface.
func (s *Splitter) sniff(c *conn) (*queue, error) {
	buf := make([]byte, 0, len(preface))
	to := s.grpc
	for len(buf) < len(preface) {
		n, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if string(buf) != preface[:len(buf)] {
			to = s.http
			break
		}
		if err != nil {
			return nil, err
		}
	}
	c.read = buf
	return to, nil
}
