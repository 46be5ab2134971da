package rpc

import (
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// body is a message with its prefix, in buffers of the pool. The zero value is none.
type body struct {
	first *[]byte
	rest  []*[]byte
}

// none tells whether there is no message.
func (b *body) none() bool { return b.first == nil }

// next frees the first buffer.
func (b *body) next() {
	pool.Put(b.first)
	b.first = nil
	if len(b.rest) > 0 {
		b.first, b.rest[0] = b.rest[0], nil // or the slice would keep it in memory
		b.rest = b.rest[1:]
	}
}

// free frees all of it.
func (b *body) free() {
	for !b.none() {
		b.next()
	}
}

// outbox is what a stream has to send. It holds one message at most: who has another one waits.
type outbox struct {
	window  int64 // what may be sent
	message body  // what is left of it
	at      int   // where in its first buffer the rest begins
	sent    int64 // bytes of messages that have been sent in all
	end     *status.Status
	listed  bool    // among the connection's ready
	next    *stream // of them
	wake    chan struct{}
	unread  *time.Timer // ends a call whose answer its client does not take

	headSent        bool
	header, trailer metadata.MD
}

// send takes a message, the stream's end, or both. It waits while the message before has not left, or while the write buffer
// is full.
func (s *stream) send(m body, end *status.Status) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if end != nil {
		s.returned()
	}
	if m.none() && !s.message.none() {
		s.end = end
		return nil
	}
	for !s.over && (!s.message.none() || c.full()) {
		if s.wake == nil {
			s.wake = make(chan struct{})
		}
		if c.full() {
			c.crowd[s] = struct{}{}
		}
		wake := s.wake
		c.mu.Unlock()
		<-wake
		c.mu.Lock()
	}
	if s.over {
		m.free()
		return s.gone()
	}
	s.end = end
	if m.none() {
		if end != nil {
			c.sendEnd(s, end)
		}
		return nil
	}
	s.message, s.at = m, 0
	c.list(s)
	c.pump()
	if !s.message.none() && s.head.method.unary != nil {
		s.awaitReader()
	}
	return nil
}

// awaitReader ends a call when nothing of its answer has been sent for too long: the client gives it no window, and the answer's
// memory would be held for ever. Streams are left alone; who watches may read when he likes.
func (s *stream) awaitReader() {
	sent := s.sent
	s.unread = time.AfterFunc(s.conn.limits.untaken, func() {
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		switch {
		case s.over || s.message.none():
		case s.sent > sent:
			s.awaitReader()
		default:
			s.conn.resetLocked(s.id, http2.ErrCodeEnhanceYourCalm)
		}
	})
}

// drained wakes who waits to send.
func (o *outbox) drained() {
	if o.wake != nil {
		close(o.wake)
		o.wake = nil
	}
}

// turns are the streams that take turns in sending.
type turns struct{ first, last *stream }

// list puts a stream at the end of them.
func (c *conn) list(s *stream) {
	if s.listed || s.message.none() {
		return
	}
	s.listed = true
	if c.ready.first == nil {
		c.ready.first = s
	} else {
		c.ready.last.next = s
	}
	c.ready.last = s
}

// take takes the first one out.
func (t *turns) take() *stream {
	s := t.first
	t.first, s.next, s.listed = s.next, nil, false
	return s
}

// pump puts into the write buffer what the windows let pass, of each stream a frame in turns.
func (c *conn) pump() {
	for c.ready.first != nil && c.window > 0 && len(c.out) < c.limits.queued {
		s := c.ready.take()
		if s.over || s.window <= 0 { // WINDOW_UPDATE lists it again
			continue
		}
		c.sendHead(s)
		if s.over {
			continue
		}
		rest := (*s.message.first)[s.at:]
		n := int(min(int64(len(rest)), frameMax, c.window, s.window))
		c.room(frameHeader + n)
		c.frame(http2.FrameData, 0, s.id, n)
		c.out = append(c.out, rest[:n]...)
		c.afterSending()
		c.window -= int64(n)
		s.window -= int64(n)
		s.sent += int64(n)
		if s.at += n; s.at == len(*s.message.first) {
			s.message.next()
			s.at = 0
		}
		if !s.message.none() {
			c.list(s)
			continue
		}
		if s.end != nil {
			c.sendEnd(s, s.end)
		}
		s.drained()
	}
}

// dropOutbox frees what is in the outbox.
func (s *stream) dropOutbox() {
	s.message.free()
	if s.unread != nil {
		s.unread.Stop()
	}
	s.drained()
}

// afterSending notes that the client got something that it may answer to.
func (c *conn) afterSending() {
	c.in.idle = 0
	c.strikes = 0
	c.freePing = true
}
