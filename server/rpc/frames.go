package rpc

import (
	"errors"

	"golang.org/x/net/http2"
)

// nextFrame reads a frame. Its bytes are valid until the next one is read.
func (c *conn) nextFrame() (http2.Frame, error) {
	h, err := c.framer.ReadFrameHeader()
	var f http2.Frame
	if err == nil {
		f, err = c.framer.ReadFrameForHeader(h)
	}
	if err == nil {
		return f, nil
	}
	if errors.Is(err, http2.ErrFrameTooLarge) {
		return nil, violates(http2.ErrCodeFrameSize, "a frame is too large")
	}
	if e := http2.ConnectionError(0); errors.As(err, &e) {
		return nil, violates(http2.ErrCode(e), "a frame is malformed or out of order")
	}
	e := http2.StreamError{}
	if errors.As(err, &e) && (h.Type == http2.FrameHeaders || h.Type == http2.FrameContinuation) {
		return nil, violates(e.Code, "a header block cannot be read") // nor any after it
	}
	return nil, err
}

// readFrame reads a frame and does what it asks for. An error ends the connection.
func (c *conn) readFrame() error {
	f, err := c.nextFrame()
	if e := (http2.StreamError{}); errors.As(err, &e) {
		return c.refuse(e.StreamID, e.Code)
	}
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.HeadersFrame:
		c.block.begin(f)
		return c.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return c.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.RSTStreamFrame:
		return c.abandoned(f.StreamID)
	case *http2.WindowUpdateFrame:
		return c.windowUpdate(f)
	case *http2.SettingsFrame:
		if f.IsAck() {
			break
		}
		if err := c.settings(f); err != nil {
			return err
		}
	case *http2.PingFrame:
		return c.ping(f)
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return c.refuse(f.StreamID, http2.ErrCodeProtocol)
		}
	case *http2.PushPromiseFrame:
		return violates(http2.ErrCodeProtocol, "a client sent PUSH_PROMISE")
	}
	return c.idleFrame()
}

// idleFrame counts a frame that carries nothing: a client that sends little else only wants to cost something.
func (c *conn) idleFrame() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.countIdle()
}

// countIdle is idleFrame for who holds the lock.
func (c *conn) countIdle() error {
	c.in.idle++
	if c.in.idle > c.limits.idle {
		return violates(http2.ErrCodeEnhanceYourCalm, "too many frames that carry nothing")
	}
	return nil
}

// refuse answers a frame that breaks a rule of its stream.
func (c *conn) refuse(id uint32, code http2.ErrCode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unopened(id) {
		return violates(code, "a frame for a stream that was not opened is malformed")
	}
	c.resetLocked(id, code)
	return c.countIdle()
}

// abandoned ends a stream that its client has given up.
func (c *conn) abandoned(id uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unopened(id) {
		return violates(http2.ErrCodeProtocol, "RST_STREAM for a stream that was not opened")
	}
	if s := c.streams[id]; s != nil {
		running := s.started
		c.forget(s)
		if running {
			return nil // what calls are given up for good reason, as when no leader is there, is bounded by zombies
		}
	}
	return c.countIdle()
}

// unopened tells whether a stream has never been. When no more are taken the client may have opened it all the same.
func (c *conn) unopened(id uint32) bool { return id%2 == 0 || id > c.lastID && !c.refusing }

// resetLocked ends a stream and tells its client why.
func (c *conn) resetLocked(id uint32, code http2.ErrCode) {
	c.sendReset(id, code)
	if s := c.streams[id]; s != nil {
		c.forget(s)
	}
}
