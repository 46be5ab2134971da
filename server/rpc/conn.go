package rpc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// conn is a client's connection. One goroutine reads it (read), one writes it (write); handlers run in others and put what they
// send into the queue of the second.
type conn struct {
	server *Server
	nc     net.Conn
	limits *limits
	ctx    context.Context // of every call: knows the peer

	// Owned by the reader.
	source *bufio.Reader
	framer *http2.Framer
	block  block
	heads  map[string]*head // the last head of each method's calls

	made     time.Time
	lastRead atomic.Int64 // when something was last read, in nanoseconds after made: clocks that are set do not matter

	mu      sync.Mutex
	streams map[uint32]*stream
	lastID  uint32 // of the newest stream
	cause   error  // why the connection is closed; nil while it is open
	in      received
	output
	pings
	ending
	zombies int // streams that are over, with a handler that is not
}

// newConn makes a connection of one that was accepted.
func (s *Server) newConn(accepted net.Conn) (*conn, error) {
	var info credentials.AuthInfo
	if s.options.Credentials != nil {
		var err error
		if accepted, info, err = s.options.Credentials.ServerHandshake(accepted); err != nil {
			return nil, err
		}
	}
	c := &conn{
		server:  s,
		nc:      accepted,
		limits:  &s.limits,
		made:    time.Now(),
		ctx:     peer.NewContext(context.Background(), &peer.Peer{Addr: accepted.RemoteAddr(), LocalAddr: accepted.LocalAddr(), AuthInfo: info}),
		heads:   map[string]*head{},
		streams: map[uint32]*stream{},
		output:  output{crowd: map[*stream]struct{}{}},
	}
	c.source = bufio.NewReaderSize(c, readBuffer)
	c.framer = http2.NewFramer(nil, c.source)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(frameMax)
	c.block.init(c.limits)
	c.in.window = s.limits.window
	c.window, c.streamWindow = windowStart, windowStart
	c.queued.L = &c.mu
	return c, nil
}

// Read reads the connection below, and notes when.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.nc.Read(p)
	if n > 0 {
		c.lastRead.Store(int64(time.Since(c.made)))
	}
	return n, err
}

// read is the connection's reader, until it ends.
func (c *conn) read() {
	err := c.greet()
	for err == nil {
		err = c.readFrame()
	}
	if v := (*violation)(nil); errors.As(err, &v) {
		c.tell(v)
		_, _ = io.Copy(io.Discard, c.nc) // ends when the connection does: see linger
	}
	c.close(err)
}

// greet exchanges the prefaces.
func (c *conn) greet() error {
	if limit := c.server.options.ConnectTimeout; limit > 0 {
		if err := c.nc.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.sendSettings()
	c.mu.Unlock()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.source, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return violates(http2.ErrCodeProtocol, "the preface is not HTTP/2's")
	}
	f, err := c.nextFrame()
	if err != nil {
		return err
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return violates(http2.ErrCodeProtocol, "the first frame is not SETTINGS")
	}
	if err := c.settings(settings); err != nil {
		return err
	}
	c.startPings()
	return c.nc.SetReadDeadline(time.Time{})
}

// close ends the connection, its calls and its goroutines.
func (c *conn) close(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(cause)
}

// closeLocked is close for who holds the lock.
func (c *conn) closeLocked(cause error) {
	if c.cause != nil {
		return
	}
	c.cause = cause
	for _, s := range c.streams {
		c.forget(s)
	}
	c.stopPings()
	if c.drainTimer != nil {
		c.drainTimer.Stop()
	}
	c.wakeCrowd()
	c.queued.Signal()
	_ = c.nc.Close() // closed is all it can become
}
