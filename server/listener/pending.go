package listener

import (
	"container/list"
	"sync"
	"time"
)

// pending are a port's connections that were accepted and have not shown yet
// what they are. There are at most max of them: for one more, the oldest that
// has kept us waiting for its bytes for longer than patience is closed. So
// clients that open connections and stay silent cost a bounded number of
// sockets and goroutines, and delay others by a fraction of a second.
type pending struct {
	max      int
	patience time.Duration

	mu     sync.Mutex
	closed bool
	order  list.List     // of *conn, oldest first
	left   chan struct{} // has something when one has left
}

// newPending makes an empty set.
func newPending(size int, patience time.Duration) *pending {
	return &pending{max: size, patience: patience, left: make(chan struct{}, 1)}
}

// admit takes a connection in, as soon as there is room for it. It tells
// whether it did, which it does not once the set is closed.
func (p *pending) admit(c *conn) bool {
	for !p.tryAdmit(c) {
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return false
		}
		select {
		case <-p.left:
		case <-time.After(p.patience / 4):
		}
	}
	return true
}

// tryAdmit takes a connection in if there is room, or room can be made.
func (p *pending) tryAdmit(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.order.Len() >= p.max && !p.evict(time.Now().Add(-p.patience)) {
		return false
	}
	c.place = p.order.PushBack(c)
	return true
}

// evict closes the oldest connection that has been silent since before a time.
// Who is busy with cryptography of ours is not silent. mu is held.
func (p *pending) evict(before time.Time) bool {
	for e := p.order.Front(); e != nil; e = e.Next() {
		c, ok := e.Value.(*conn)
		if since := c.silentSince.Load(); ok && since != 0 && since < before.UnixNano() {
			p.order.Remove(e)
			c.place = nil
			c.Conn.Close()
			return true
		}
	}
	return false
}

// remove takes out a connection, of which it is known now what it is or that
// it is nothing.
func (p *pending) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.place != nil {
		p.order.Remove(c.place)
		c.place = nil
	}
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// close closes all connections in the set and lets no more in.
func (p *pending) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for e := p.order.Front(); e != nil; e = e.Next() {
		if c, ok := e.Value.(*conn); ok {
			c.Conn.Close()
		}
	}
}

// size is how many connections are pending.
func (p *pending) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.order.Len()
}
