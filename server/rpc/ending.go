package rpc

import (
	"encoding/binary"
	"time"

	"golang.org/x/net/http2"
)

// ending is how far a connection is on its way to its end.
type ending struct {
	draining   bool // the client was told not to open streams any more
	refusing   bool // those that it opens are passed over
	drainTimer *time.Timer
}

// drainPing is the ping whose answer shows that the client has read of the end.
var drainPing = [8]byte{'t', 'h', 'e', ' ', 'e', 'n', 'd', '.'}

// goAway tells the client which streams are still answered.
func (c *conn) goAway(last uint32, code http2.ErrCode, reason string) {
	c.frame(http2.FrameGoAway, 0, 0, 8+len(reason))
	c.out = binary.BigEndian.AppendUint32(c.out, last)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(code))
	c.out = append(c.out, reason...)
}

// drain ends the connection once its calls have ended. The client is told first that it should open no more of them; those
// that it has opened before it read that are still served (RFC 9113, 6.8).
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.refusing || c.cause != nil {
		return
	}
	c.draining = true
	c.goAway(windowMax, http2.ErrCodeNo, "graceful_stop")
	c.control(http2.FramePing, 0, 0, drainPing[:]...)
	c.drainTimer = time.AfterFunc(c.limits.drain, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refuseStreams()
	})
}

// refuseStreams is drain's second step: the streams that there are now are the last.
func (c *conn) refuseStreams() {
	if c.refusing || c.cause != nil {
		return
	}
	c.refusing = true
	c.goAway(c.lastID, http2.ErrCodeNo, "graceful_stop")
	if len(c.streams) == 0 {
		c.finish()
	}
}

// finish ends the connection once what is queued is written.
func (c *conn) finish() {
	c.last = true
	c.queued.Signal()
}

// tell ends all calls because the client broke the rules, and says which.
func (c *conn) tell(v *violation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	c.refusing = true
	for _, s := range c.streams {
		c.forget(s)
	}
	c.goAway(c.lastID, v.code, v.reason)
	c.finish()
	c.linger()
}

// linger leaves it to the client to close the connection, for a while: what it has sent and nobody has read would take away
// from it what it was sent (TCP's RST).
func (c *conn) linger() {
	time.AfterFunc(c.limits.linger, func() { c.close(errDone) })
}
