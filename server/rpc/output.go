package rpc

import (
	"encoding/binary"
	"net"
	"runtime"
	"slices"
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

	window       int64                // what may be sent on the connection
	streamWindow int64                // and on a new stream
	ready        turns                // have something to send and a window for it
	crowd        map[*stream]struct{} // wait for less in out
	table        headerTable
	scratch      []byte // for header blocks
	peerList     uint32 // the largest head that the client takes; 0: any
}

// write is the connection's writer, until it ends.
func (c *conn) write() {
	for {
		c.mu.Lock()
		for len(c.out) == 0 && c.cause == nil && !c.last {
			c.dropLarge()
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
		if below, ok := c.nc.(interface{ NetConn() net.Conn }); ok && err != nil {
			_ = below.NetConn().Close() // or TLS's would wait for the client to read of it, and hold the lock
		}
		c.mu.Lock()
		if err != nil {
			c.closeLocked(err)
		}
		c.spare = p
		c.mu.Unlock()
	}
}

// largeBuffers are write buffers for connections that have much to write, of the sizes of largeSizes. Buffers that grew to their size
// took a sixth of the processor time under Kubernetes' traffic.
var largeBuffers [len(largeSizes)]sync.Pool

// room makes room for n bytes more to be written.
func (c *conn) room(n int) {
	need := len(c.out) + n
	if need <= cap(c.out) || need <= keptBuffer {
		return
	}
	for i, size := range largeSizes {
		if need > size {
			continue
		}
		large, ok := largeBuffers[i].Get().(*[]byte)
		if !ok {
			b := make([]byte, 0, size)
			large = &b
		}
		small := c.out
		c.out = append((*large)[:0], small...)
		freeLarge(small)
		return
	}
}

// freeLarge gives a write buffer back if it is a large one.
func freeLarge(b []byte) {
	if i := slices.Index(largeSizes[:], cap(b)); i >= 0 {
		large := b
		largeBuffers[i].Put(&large)
	}
}

// dropLarge gives the write buffers up that are too large for a connection which has nothing to write.
func (c *conn) dropLarge() {
	for _, b := range []*[]byte{&c.out, &c.spare} {
		if cap(*b) > keptBuffer {
			freeLarge(*b)
			*b = nil
		}
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

// full tells whether handlers have to wait before they send. What waits for a stream's window does not count: a stream that
// its client does not read must not hold up the others.
func (c *conn) full() bool { return len(c.out) >= 2*c.limits.queued }

// wakeCrowd lets handlers go on when there is room again. The writer makes room, or its time limit ends the connection.
func (c *conn) wakeCrowd() {
	if c.cause == nil && c.full() {
		return
	}
	for s := range c.crowd {
		s.drained()
	}
	clear(c.crowd)
}
