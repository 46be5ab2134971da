package rpc

import (
	"time"

	"golang.org/x/net/http2"
)

const (
	// strikesMax is how often a client may ping too soon; the next time ends the connection.
	strikesMax = 2
	// pingIdle is how much time clients without calls have to leave between pings, as grpc-go's servers want it.
	pingIdle = 2 * time.Hour
)

// pings are those of both sides.
type pings struct {
	pingTimer *time.Timer // nil: none are sent
	asked     time.Time   // when the last one was sent; zero if something was read after it

	lastPing time.Time // when the client sent one
	strikes  int       // how often it was too soon
	freePing bool      // something was sent since: clients measure the way with a ping then
}

// startPings begins to look after the client, if that is wanted.
func (c *conn) startPings() {
	if o := &c.server.options; o.PingInterval > 0 && o.PingTimeout > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.cause == nil {
			c.pingTimer = time.AfterFunc(o.PingInterval, c.lookAfter)
		}
	}
}

// stopPings ends that.
func (c *conn) stopPings() {
	if c.pingTimer != nil {
		c.pingTimer.Stop()
	}
}

// lookAfter asks a client that has been silent whether it is there, and ends the connection of one that wasn't.
func (c *conn) lookAfter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	o := &c.server.options
	heard := c.made.Add(time.Duration(c.lastRead.Load()))
	silent := time.Since(heard)
	switch {
	case heard.After(c.asked) && silent < o.PingInterval:
		c.asked = time.Time{}
		c.pingTimer.Reset(o.PingInterval - silent)
	case heard.After(c.asked):
		c.asked = time.Now()
		c.control(http2.FramePing, 0, 0, make([]byte, 8)...)
		c.pingTimer.Reset(o.PingTimeout)
	default:
		c.closeLocked(errSilent)
	}
}

// ping takes a PING frame.
func (c *conn) ping(f *http2.PingFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.IsAck() {
		if f.Data == drainPing && c.draining {
			c.refuseStreams()
		}
		return c.countIdle()
	}
	c.control(http2.FramePing, http2.FlagPingAck, 0, f.Data[:]...)
	return c.judgePing(time.Now())
}

// judgePing ends a client that pings too often, by grpc-go's rules.
func (c *conn) judgePing(now time.Time) error {
	last := c.lastPing
	c.lastPing = now
	if c.freePing {
		c.freePing, c.strikes = false, 0
		return nil
	}
	between := c.server.options.PingMinTime
	if len(c.streams) == 0 {
		between = pingIdle
	}
	if !last.IsZero() && last.Add(between).After(now) {
		c.strikes++
	}
	if c.strikes > strikesMax {
		return violates(http2.ErrCodeEnhanceYourCalm, "too_many_pings")
	}
	return nil
}
