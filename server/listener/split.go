package listener

import (
	"errors"
	"net"
	"sync"
	"time"
)

// preface opens every HTTP/2 connection.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// SniffTimeout is how long a client may take to show what it speaks.
const SniffTimeout = 10 * time.Second

// acceptPauseMax is the longest pause after an accept that failed, for lack of
// file descriptors say.
const acceptPauseMax = time.Second

// Splitter divides one listener's connections between two listeners.
type Splitter struct {
	root    net.Listener
	timeout time.Duration
	grpc    *queue
	http    *queue

	mu      sync.Mutex
	closed  bool
	sniffed map[net.Conn]struct{} // those of which it is not known yet what they are
}

// Split makes a splitter of l; Serve runs it.
func Split(l net.Listener) *Splitter {
	return &Splitter{
		root:    l,
		timeout: SniffTimeout,
		grpc:    newQueue(l.Addr()),
		http:    newQueue(l.Addr()),
		sniffed: map[net.Conn]struct{}{},
	}
}

// GRPC is the listener of the connections that open with HTTP/2's preface.
func (s *Splitter) GRPC() net.Listener { return s.grpc }

// HTTP is the listener of all others.
func (s *Splitter) HTTP() net.Listener { return s.http }

// Close stops accepting. Connections already handed on stay open, all others
// are closed.
func (s *Splitter) Close() error {
	err := s.root.Close()
	s.grpc.Close()
	s.http.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.sniffed {
		conn.Close()
	}
	return err
}

// note remembers a connection that is not handed on yet, unless the splitter
// was closed.
func (s *Splitter) note(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.sniffed[conn] = struct{}{}
	}
	return !s.closed
}

// forget is the end of note.
func (s *Splitter) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sniffed, conn)
}

// Serve accepts until Close. The error is net.ErrClosed then.
func (s *Splitter) Serve() error {
	defer s.grpc.Close()
	defer s.http.Close()
	pause := time.Duration(0)
	for {
		conn, err := s.root.Accept()
		if err == nil {
			pause = 0
			go s.sniff(conn)
			continue
		}
		var ne net.Error
		if errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-s.grpc.closed:
			return net.ErrClosed
		}
	}
}

// sniff reads as far as the connection agrees with the preface, then hands it
// on with what was read.
func (s *Splitter) sniff(conn net.Conn) {
	if !s.note(conn) {
		conn.Close()
		return
	}
	to, read := s.speaks(conn)
	s.forget(conn)
	if to == nil {
		conn.Close()
		return
	}
	to.push(&replayed{Conn: conn, read: read})
}

// speaks finds out whose a connection is, and returns what it read for that;
// nobody's, if the client is silent for too long or gone.
func (s *Splitter) speaks(conn net.Conn) (to *queue, read []byte) {
	if err := conn.SetReadDeadline(time.Now().Add(s.timeout)); err != nil {
		return nil, nil
	}
	buf := make([]byte, 0, len(preface))
	to = s.grpc
	for len(buf) < len(preface) {
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if string(buf) != preface[:len(buf)] {
			to = s.http
			break
		}
		if err != nil {
			return nil, nil
		}
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, nil
	}
	return to, buf
}

// replayed is a connection whose first bytes were read before.
type replayed struct {
	net.Conn
	read []byte
}

// Read returns the bytes read before, then the connection's.
func (c *replayed) Read(p []byte) (int, error) {
	if len(c.read) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.read)
	c.read = c.read[n:]
	if len(c.read) == 0 {
		c.read = nil
	}
	return n, nil
}

// queue is a listener fed by a splitter.
type queue struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// newQueue makes an open queue.
func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// push hands a connection over, or closes it when nobody will accept it.
func (q *queue) push(conn net.Conn) {
	select {
	case q.conns <- conn:
	case <-q.closed:
		conn.Close()
	}
}

// Accept waits for the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Accept return net.ErrClosed.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr is the address of the shared socket.
func (q *queue) Addr() net.Addr { return q.addr }
