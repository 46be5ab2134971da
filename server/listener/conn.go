package listener

import (
	"container/list"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conn is an accepted connection: what was read of it before its reader got
// it, and what the port has to know of it until then.
type conn struct {
	net.Conn
	read []byte // to be read again

	place *list.Element // among the pending; owned by them
	// silentSince is when the port began to wait for bytes, in Unix
	// nanoseconds; 0 while it does not wait. handed ends that.
	silentSince atomic.Int64
	handed      bool // written before the connection is handed on
	http1       bool // the client can also speak HTTP/1; known after its TLS hello

	once  sync.Once
	ended func() // gives the connection's place under the limit back; may be nil

	readBy, writeBy deadline
}

// newConn makes a connection of an accepted one; ended may be nil.
func newConn(accepted net.Conn, ended func()) *conn {
	return &conn{
		Conn: accepted, ended: ended,
		readBy: deadline{arm: accepted.SetReadDeadline}, writeBy: deadline{arm: accepted.SetWriteDeadline},
	}
}

// Read returns the bytes read before, then the connection's.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(p, c.read)
		if c.read = c.read[n:]; len(c.read) == 0 {
			c.read = nil
		}
		return n, nil
	}
	if c.handed {
		return c.readConn(p)
	}
	c.silentSince.Store(time.Now().UnixNano())
	n, err := c.readConn(p)
	c.silentSince.Store(0)
	return n, err
}

// readConn reads until the deadline for reads.
func (c *conn) readConn(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err == nil || n > 0 || !c.readBy.premature(err) {
			return n, err
		}
	}
}

// Write writes until the deadline for writes.
func (c *conn) Write(p []byte) (written int, err error) {
	for {
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || !c.writeBy.premature(err) {
			return written, err
		}
	}
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.readBy.set(t), c.writeBy.set(t))
}

// SetReadDeadline sets the deadline for reads.
func (c *conn) SetReadDeadline(t time.Time) error { return c.readBy.set(t) }

// SetWriteDeadline sets the deadline for writes.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.writeBy.set(t) }

// Close closes the connection, once.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.Conn.Close()
		if c.ended != nil {
			c.ended()
		}
	})
	return err
}

// heard notes what a TLS hello offers.
func (c *conn) heard(protocols []string) { c.http1 = slices.Contains(protocols, "http/1.1") }

// Limit bounds the connections of all ports that share it. A nil Limit is
// none.
type Limit chan struct{}

// NewLimit makes a limit of n connections.
func NewLimit(n int) Limit { return make(Limit, max(n, 1)) }

// take waits for a place, or for the port to close.
func (l Limit) take(closed <-chan struct{}) bool {
	if l == nil {
		return true
	}
	select {
	case l <- struct{}{}:
		return true
	case <-closed:
		return false
	}
}

// give gives a place back.
func (l Limit) give() {
	if l != nil {
		<-l
	}
}
