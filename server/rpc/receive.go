package rpc

import (
	"encoding/binary"
	"slices"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// pool has the buffers of messages, of sizes so close to each other that a buffer is never much larger than what is in it.
var pool, _ = mem.NewBinaryTieredBufferPool(6, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21) // fails for sizes above 2^63

// received is a connection's side of what comes in.
//
// The connection's own window is given back as soon as something is read, whoever it is for: a stream whose handler does not
// read must not hold up the others. What bounds a client are the windows of its streams. A stream's is widened for a message
// that is larger, as long as there are not too many of those; then they wait for each other.
type received struct {
	window   int64     // what the client may still send
	held     int64     // bytes of messages that are not whole, or not taken yet
	promised int64     // by how much windows are wider than usual, for messages that are not whole
	hungry   []*stream // would like such a promise
	idle     int       // frames that carried nothing since something was last sent
}

// waiting is in the place of a promise for which a stream waits.
const waiting = -1

// inbox makes messages of what comes in on one stream.
type inbox struct {
	prefix   [prefixLen]byte
	have     int // bytes of the prefix
	size     int // of the message, once its prefix is there
	body     *[]byte
	got      int            // bytes of the body
	messages []message      // whole, and not taken yet
	held     int64          // bytes of all that
	window   int64          // what the client may still send
	promised int64          // by how much its window is wider than usual, or waiting
	refused  *status.Status // why nothing more is taken
	wake     chan struct{}  // of one place: there is news; nil until somebody waits
}

// message is a whole message. Whoever takes it frees it.
type message struct {
	body   *[]byte // of the pool; nil when it is empty
	format byte    // formatPlain or formatCompressed; the client's, not checked yet
}

// bytes are the message's.
func (m message) bytes() []byte {
	if m.body == nil {
		return nil
	}
	return *m.body
}

// free gives the message's buffer back.
func (m message) free() {
	if m.body != nil {
		pool.Put(m.body)
	}
}

// data takes a DATA frame.
func (c *conn) data(f *http2.DataFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := int64(f.Length) // padding counts
	if c.in.window -= size; c.in.window < 0 {
		return violates(http2.ErrCodeFlowControl, "more was sent than the connection's window")
	}
	if c.in.window < c.limits.window/2 {
		c.sendWindow(0, c.limits.window-c.in.window)
		c.in.window = c.limits.window
	}
	s := c.streams[f.StreamID]
	switch {
	case c.unopened(f.StreamID):
		return violates(http2.ErrCodeProtocol, "DATA for a stream that was not opened")
	case s == nil || s.ended:
		c.resetLocked(f.StreamID, http2.ErrCodeStreamClosed)
		return c.countIdle()
	case size > s.in.window:
		c.resetLocked(f.StreamID, http2.ErrCodeFlowControl)
		return nil
	case len(f.Data()) == 0 && !f.StreamEnded():
		return c.countIdle()
	}
	s.in.window -= size
	s.take(f.Data())
	if f.StreamEnded() && c.streams[s.id] == s {
		s.endOfRequests()
	}
	return nil
}

// take adds what came in to the stream's messages.
func (s *stream) take(p []byte) {
	c, in := s.conn, &s.in
	for len(p) > 0 && in.refused == nil {
		if in.have < prefixLen {
			n := copy(in.prefix[in.have:], p)
			in.have += n
			p = p[n:]
			s.release(-int64(n))
			if in.have < prefixLen {
				return
			}
			if length := binary.BigEndian.Uint32(in.prefix[1:]); int64(length) > int64(c.server.options.MessageMax) {
				s.refuseRequests(tooLarge(int(length), c.server.options.MessageMax))
				return
			}
			if len(in.messages) > 0 && !s.head.method.manyRequests() {
				s.refuseRequests(statusRequests)
				return
			}
			in.size, in.got = int(binary.BigEndian.Uint32(in.prefix[1:])), 0
		}
		n := min(len(p), in.size-in.got)
		in.add(p[:n])
		p = p[n:]
		s.release(-int64(n))
		if in.got == in.size {
			s.complete()
		}
	}
	if c.in.held > c.limits.held {
		c.resetLocked(s.id, http2.ErrCodeEnhanceYourCalm)
		return
	}
	s.widen()
}

// add adds to the body. Its buffer grows with what has come, not with what was announced.
func (in *inbox) add(p []byte) {
	if len(p) == 0 {
		return
	}
	need := in.got + len(p)
	if in.body == nil {
		in.body = pool.Get(min(in.size, 2*need))
	}
	if n := cap(*in.body); need <= n {
		*in.body = (*in.body)[:min(in.size, n)]
	} else {
		larger := pool.Get(min(in.size, 2*need))
		copy(*larger, (*in.body)[:in.got])
		pool.Put(in.body)
		in.body = larger
	}
	copy((*in.body)[in.got:], p)
	in.got = need
}

// complete makes a message of what there is.
func (s *stream) complete() {
	in := &s.in
	in.messages = append(in.messages, message{body: in.body, format: in.prefix[0]})
	in.body, in.have = nil, 0
	s.keepPromise()
	in.news()
}

// news wakes who waits for a message.
func (in *inbox) news() {
	select {
	case in.wake <- struct{}{}:
	default: // nobody ever waited, or the news before is still to be seen
	}
}

// widen gives the stream's window back what was taken out of the inbox, and what a large message needs.
func (s *stream) widen() {
	c, in := s.conn, &s.in
	if s.ended || in.refused != nil || c.streams[s.id] != s {
		return
	}
	grant := int64(0)
	if in.have == prefixLen {
		rest := int64(in.size - in.got)
		if rest > in.window && in.promised == 0 && rest > windowStart-in.held {
			if c.in.promised > 0 && c.in.promised+rest > c.limits.promised {
				c.in.hungry = append(c.in.hungry, s)
				in.promised = waiting
			} else {
				in.promised = rest
				c.in.promised += rest
			}
		}
		if rest <= windowStart-in.held || in.promised > 0 {
			grant = rest - in.window
		}
	}
	if back := windowStart - in.held - in.window; back >= windowStart/4 {
		grant = max(grant, back)
	}
	if in.window+grant <= 0 && len(in.messages) > 0 && !s.head.method.manyRequests() {
		// All that is missing is the end. Some clients, grpc-go's among them, hold even an empty frame back while they may send
		// nothing, and nobody takes the message before the end is there.
		grant = 1 - in.window
	}
	if grant > 0 {
		in.window += grant
		c.sendWindow(s.id, grant)
	}
}

// keepPromise ends the promise of a window, and makes those that wait for one.
func (s *stream) keepPromise() {
	c, in := s.conn, &s.in
	switch in.promised {
	case 0:
		return
	case waiting:
		c.in.hungry = slices.DeleteFunc(c.in.hungry, func(other *stream) bool { return other == s })
	default:
		c.in.promised -= in.promised
	}
	in.promised = 0
	for range len(c.in.hungry) {
		if c.cause != nil || len(c.in.hungry) == 0 || c.in.promised > c.limits.promised/2 {
			return // widen may have ended the connection, and all of its streams
		}
		next := c.in.hungry[0]
		c.in.hungry = c.in.hungry[1:]
		next.in.promised = 0
		next.widen()
	}
}

// refuseRequests takes nothing more of the stream, whose call fails.
func (s *stream) refuseRequests(why *status.Status) {
	s.in.refused = why
	s.dropInbox()
	if s.head.method.unary != nil {
		s.conn.sendEnd(s, why)
		return
	}
	s.in.news()
}

// dropInbox frees what is in the inbox.
func (s *stream) dropInbox() {
	in := &s.in
	for _, m := range in.messages {
		m.free()
	}
	if in.body != nil {
		pool.Put(in.body)
	}
	in.messages, in.body = nil, nil
	s.release(in.held)
	s.keepPromise()
	in.news()
}

// release notes that n bytes less are in the inbox.
func (s *stream) release(n int64) {
	s.in.held -= n
	s.conn.in.held -= n
}
