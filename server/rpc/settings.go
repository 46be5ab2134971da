package rpc

import (
	"encoding/binary"
	"errors"
	"math"

	"golang.org/x/net/http2"
)

// sendSettings tells the client what may be sent. What is not told has HTTP/2's defaults.
func (c *conn) sendSettings() {
	settings := []http2.Setting{
		{ID: http2.SettingMaxFrameSize, Val: frameMax},
		{ID: http2.SettingMaxHeaderListSize, Val: uint32(c.limits.headerList)},
	}
	if most := c.server.options.StreamsMax; most != math.MaxUint32 {
		settings = append(settings, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: most})
	}
	c.frame(http2.FrameSettings, 0, 0, 6*len(settings))
	for _, s := range settings {
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(s.ID))
		c.out = binary.BigEndian.AppendUint32(c.out, s.Val)
	}
	c.sendWindow(0, c.limits.window-windowStart)
}

// settings takes those of the client.
func (c *conn) settings(f *http2.SettingsFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.NumSettings() > settingsMax {
		return violates(http2.ErrCodeEnhanceYourCalm, "too many settings")
	}
	if err := f.ForeachSetting(c.set); err != nil {
		if e := http2.ConnectionError(0); errors.As(err, &e) {
			return violates(http2.ErrCode(e), "a setting has a bad value")
		}
		return err
	}
	c.control(http2.FrameSettings, http2.FlagSettingsAck, 0)
	c.pump()
	return nil
}

// set takes one setting.
func (c *conn) set(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingInitialWindowSize:
		by := int64(s.Val) - c.streamWindow
		c.streamWindow = int64(s.Val)
		for _, s := range c.streams {
			if !s.widened(by) {
				return violates(http2.ErrCodeFlowControl, "a stream's window is too large")
			}
		}
	case http2.SettingHeaderTableSize:
		if s.Val < tableStart {
			c.table.disable()
		}
	case http2.SettingMaxHeaderListSize:
		c.peerList = s.Val
	}
	return nil
}

// widened changes how much a stream may send. It tells whether that is possible.
func (s *stream) widened(by int64) bool {
	if s.window+by > windowMax {
		return false
	}
	if s.window += by; s.window > 0 {
		s.conn.list(s)
	}
	return true
}

// windowUpdate takes a WINDOW_UPDATE frame.
func (c *conn) windowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	by := int64(f.Increment)
	switch s := c.streams[f.StreamID]; {
	case f.StreamID == 0:
		if c.window+by > windowMax {
			return violates(http2.ErrCodeFlowControl, "the connection's window is too large")
		}
		c.window += by
	case c.unopened(f.StreamID):
		return violates(http2.ErrCodeProtocol, "WINDOW_UPDATE for a stream that was not opened")
	case s == nil: // it has ended meanwhile
	case !s.widened(by):
		c.resetLocked(f.StreamID, http2.ErrCodeFlowControl)
	}
	c.pump()
	return c.countIdle()
}
