package rpc

import (
	"encoding/binary"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// output is a connection's side of what goes out. Frames are made where they come up, and put into one buffer; the writer
// sends all that is there at once. So the answers of many calls leave in one write.
type output struct {
	out    []byte
	spare  []byte    // what the writer has written, to be used again
	queued sync.Cond // there is something in out
	last   bool      // when out is written the connection ends

	window       int64     // what may be sent on the connection
	streamWindow int64     // and on a new stream
	ready        turns     // have something to send and a window for it
	unsent       int64     // bytes of messages that are not in out yet
	crowd        []*stream // wait for less in out, or less that is unsent
	stall        *time.Timer
	moved        int64 // bytes of messages that have gone into out, ever
	table        headerTable
	peerList     uint32 // the largest head that the client takes; 0: any
}

// write is the connection's writer, until it ends.
func (c *conn) write() {
	for {
		c.mu.Lock()
		for len(c.out) == 0 && c.cause == nil && !c.last {
			c.queued.Wait()
			if len(c.out) < c.limits.queued { // those who run already may have something to add
				c.mu.Unlock()
				runtime.Gosched()
				c.mu.Lock()
			}
		}
		if c.cause != nil || len(c.out) == 0 {
			c.mu.Unlock()
			c.linger()
			return
		}
		p := c.out
		c.out, c.spare = c.spare[:0], nil
		c.pump()
		c.wakeCrowd()
		c.mu.Unlock()
		err := c.nc.SetWriteDeadline(time.Now().Add(c.limits.stalled))
		if err == nil {
			_, err = c.nc.Write(p)
		}
		c.mu.Lock()
		if err != nil {
			c.closeLocked(err)
		}
		if cap(p) <= keptBuffer {
			c.spare = p
		}
		c.mu.Unlock()
	}
}

// frame adds a frame's header to what is to be written.
func (c *conn) frame(t http2.FrameType, flags http2.Flags, id uint32, length int) {
	if len(c.out) == 0 {
		c.queued.Signal()
	}
	c.out = append(c.out, byte(length>>16), byte(length>>8), byte(length), byte(t), byte(flags))
	c.out = binary.BigEndian.AppendUint32(c.out, id)
}

// control adds a short frame of the connection's own. A client that makes it send such frames and does not read them is cut.
func (c *conn) control(t http2.FrameType, flags http2.Flags, id uint32, payload ...byte) {
	if len(c.out) > 4*c.limits.queued {
		c.closeLocked(errNotRead)
		return
	}
	c.frame(t, flags, id, len(payload))
	c.out = append(c.out, payload...)
}

// sendReset ends a stream.
func (c *conn) sendReset(id uint32, code http2.ErrCode) {
	c.control(http2.FrameRSTStream, 0, id, byte(code>>24), byte(code>>16), byte(code>>8), byte(code))
}

// sendWindow widens the client's window.
func (c *conn) sendWindow(id uint32, n int64) {
	c.control(http2.FrameWindowUpdate, 0, id, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// full tells whether handlers have to wait before they send.
func (c *conn) full() bool { return c.unsent >= c.limits.unsent || len(c.out) >= 2*c.limits.queued }

// wakeCrowd lets handlers go on when there is room again.
func (c *conn) wakeCrowd() {
	if c.cause == nil && c.full() {
		return
	}
	for _, s := range c.crowd {
		s.drained()
	}
	c.crowd = c.crowd[:0]
}

// join makes a stream's handler wait for room. If nothing moves while somebody waits, the client does not read.
func (c *conn) join(s *stream) {
	c.crowd = append(c.crowd, s)
	if c.stall != nil {
		return
	}
	before := c.moved
	c.stall = time.AfterFunc(c.limits.stalled, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stall = nil
		switch {
		case len(c.crowd) == 0:
		case c.moved == before:
			c.closeLocked(errNotRead)
		default:
			c.join(c.crowd[0]) // twice in it does no harm
		}
	})
}

// stopTimers is for the connection's end.
func (c *conn) stopTimers() {
	if c.stall != nil {
		c.stall.Stop()
	}
	if c.drainTimer != nil {
		c.drainTimer.Stop()
	}
}
