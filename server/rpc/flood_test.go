package rpc

import (
	"context"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// Floods end with the connection, which says why.
func TestFloods(t *testing.T) {
	for name, frame := range map[string]func(*client) error{
		"settings":        func(c *client) error { return c.framer.WriteSettings() },
		"pings":           func(c *client) error { return c.framer.WritePing(false, [8]byte{}) },
		"answered pings":  func(c *client) error { return c.framer.WritePing(true, [8]byte{}) },
		"empty data":      func(c *client) error { return c.framer.WriteData(1, false, nil) },
		"padding":         func(c *client) error { return c.framer.WriteDataPadded(1, false, nil, make([]byte, 10)) },
		"priorities":      func(c *client) error { return c.framer.WritePriority(1, http2.PriorityParam{StreamDep: 3}) },
		"windows":         func(c *client) error { return c.framer.WriteWindowUpdate(1, 1) },
		"resets":          func(c *client) error { return c.framer.WriteRSTStream(3, http2.ErrCodeCancel) },
		"unknown":         func(c *client) error { return c.framer.WriteRawFrame(99, 0, 1, nil) },
		"closed stream":   func(c *client) error { return c.framer.WriteData(3, false, []byte("x")) },
		"settings' acks":  func(c *client) error { return c.framer.WriteSettingsAck() },
		"refused streams": func(c *client) error { c.last += 2; return c.tryOpen(c.last, c.encode(":method", "POST")) },
	} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{stream: untilCanceled}, func(s *Server) { s.limits.idle = 500 })
			c := dial(t, address)
			c.works(3)
			c.last = 5
			c.open(5, requestFields(bidiPath)...)
			if name == "empty data" || name == "padding" || name == "windows" {
				frame = onStream5[name]
			}
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				for range 100_000 {
					if frame(c) != nil {
						return
					}
				}
			}()
			code, _ := c.goneAway()
			require.Equal(t, http2.ErrCodeEnhanceYourCalm, code)
			c.conn.Close()
			<-wrote
			dial(t, address).works(1)
		})
	}
}

// onStream5 are the floods that need an open stream.
var onStream5 = map[string]func(*client) error{
	"empty data": func(c *client) error { return c.framer.WriteData(5, false, nil) },
	"padding":    func(c *client) error { return c.framer.WriteDataPadded(5, false, nil, make([]byte, 10)) },
	"windows":    func(c *client) error { return c.framer.WriteWindowUpdate(5, 1) },
}

// Header blocks that do not end, in pieces of any size (CVE-2024-27316 and the like).
func TestContinuationFlood(t *testing.T) {
	for name, piece := range map[string]string{"empty": "", "small": "\x00\x01x\x01y", "large": strings.Repeat("\x00\x01x\x01y", 3000)} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{}, func(s *Server) { s.limits.linger = time.Second })
			c := dial(t, address)
			require.NoError(t, c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(requestFields(unaryPath)...)}))
			for range 1000 {
				if c.framer.WriteContinuation(1, false, []byte(piece)) != nil {
					break
				}
			}
			code, _ := c.goneAway()
			require.Equal(t, http2.ErrCodeEnhanceYourCalm, code)
		})
	}
}

// A small block that stands for a large list: a table's entry, again and again. It is refused, and the table stays in step.
func TestHeaderBomb(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dial(t, address)
	fields := requestFields(unaryPath, "bomb", strings.Repeat("x", 3000))
	block := c.encode(fields...)
	block = append(block, []byte(strings.Repeat("\xbe", 10_000))...)
	require.NoError(t, c.tryOpen(1, block))
	require.Equal(t, http2.ErrCodeFrameSize, c.answered(1).reset)
	c.works(3)
}

// Streams that are opened and given up at once (CVE-2023-44487): new ones are refused while the handlers of those before run.
// The connection is read on: a ping is answered.
func TestRapidReset(t *testing.T) {
	var running, most atomic.Int64
	free := make(chan struct{})
	s, address := serve(t, &echo{unary: func(_ context.Context, b []byte) ([]byte, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			continue
		}
		<-free // a handler that does not notice
		return b, nil
	}}, func(s *Server) { s.limits.zombies = 10 })
	c := dial(t, address)
	for id := uint32(1); id < 1000; id += 2 {
		c.call(id, "x")
		require.NoError(t, c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	require.NoError(t, c.framer.WritePing(false, [8]byte{}))
	c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing })
	eventually(t, s, "ten are left alone", func(c *conn) bool { return c.zombies == 10 })
	c.call(1001, "x")
	require.Equal(t, http2.ErrCodeRefusedStream, c.answered(1001).reset)
	require.LessOrEqual(t, most.Load(), int64(10))
	close(free)
	eventually(t, s, "all have ended", func(c *conn) bool { return c.zombies == 0 })
	c.works(1003)
	require.LessOrEqual(t, most.Load(), int64(10))
}

// Calls that are given up while nothing can be answered, as when there is no leader, are no flood.
func TestGivenUpCallsAreNoFlood(t *testing.T) {
	s, address := serve(t, &echo{stream: untilCanceled}, func(s *Server) { s.limits.idle = 20 })
	c := dial(t, address)
	id := uint32(1)
	for range 100 {
		c.open(id, requestFields(bidiPath)...)
		require.NoError(t, c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
		id += 2
	}
	for range 100 { // here the server's reset is first
		c.open(id, requestFields(bidiPath, "grpc-timeout", "1u")...)
		c.answered(id)
		require.NoError(t, c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
		id += 2
	}
	eventually(t, s, "none is left", func(c *conn) bool { return len(c.streams) == 0 && c.zombies == 0 })
	c.works(id)
}

// A frame of many settings, each of which changes every stream's window.
func TestTooManySettings(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dial(t, address)
	require.NoError(t, c.framer.WriteSettings(slices.Repeat([]http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1}}, settingsMax+1)...))
	code, _ := c.goneAway()
	require.Equal(t, http2.ErrCodeEnhanceYourCalm, code)
}

// A client that asks for more than its share of streams.
func TestStreamsMax(t *testing.T) {
	_, address := serve(t, &echo{stream: untilCanceled}, func(s *Server) { s.options.StreamsMax = 3 })
	c := dial(t, address)
	for id := uint32(1); id < 9; id += 2 {
		c.open(id, requestFields(bidiPath)...)
	}
	require.Equal(t, http2.ErrCodeRefusedStream, c.answered(7).reset)
	require.NoError(t, c.framer.WriteRSTStream(3, http2.ErrCodeCancel))
	c.works(9)
}

// What a client can make the server hold without reading: answers to pings, refusals, and messages that nobody takes.
func TestHeldMemoryIsBounded(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for name, flood := range map[string]func(c *client, i int) error{
		"pings": func(c *client, _ int) error { return c.framer.WritePing(false, [8]byte{}) },
		"refusals": func(c *client, i int) error {
			return c.tryOpen(uint32(2*i+1), c.encode(requestFields("/no/such", ":x", "y")...))
		},
		"unknown method": func(c *client, i int) error { return c.tryOpen(uint32(2*i+1), c.encode(requestFields("/no/such")...)) },
		"messages": func(c *client, i int) error {
			if i%40 == 0 {
				if err := c.tryOpen(uint32(2*(i/40)+1), c.encode(requestFields(bidiPath)...)); err != nil {
					return err
				}
			}
			return c.framer.WriteData(uint32(2*(i/40)+1), false, make([]byte, 1600)) // empty messages
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := serve(t, &echo{stream: untilCanceled}, func(s *Server) {
				s.options.PingMinTime, s.limits.idle, s.limits.held = time.Nanosecond, 1<<30, 4<<20
				s.limits.stalled, s.limits.queued = patience, 16<<10
			})
			server, conn := net.Pipe() // which takes nothing that is not read
			go s.receive(server)
			c := newClient(t, conn)
			c.greet()
			before := heap()
			var cut error
			for i := 0; i < 20_000 && cut == nil; i++ {
				cut = flood(c, i)
			}
			require.Less(t, int64(heap()-before), int64(32<<20))
			if name != "messages" { // those make the server say little
				require.ErrorIs(t, cut, io.ErrClosedPipe, "a client that does not read is cut")
			}
		})
	}
}

// Silent clients: before the preface, after it, with half a request.
func TestSilentClients(t *testing.T) {
	s, address := serve(t, &echo{}, func(s *Server) {
		s.options.ConnectTimeout = 50 * time.Millisecond
		s.options.PingInterval, s.options.PingTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	for name, sent := range map[string]string{"nothing": "", "half": http2.ClientPreface[:9], "no settings": http2.ClientPreface} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, address)
			_, err := c.conn.Write([]byte(sent))
			require.NoError(t, err)
			for err == nil {
				_, err = c.framer.ReadFrame()
			}
		})
	}
	c := dial(t, address)
	c.call(1, "x")
	c.answered(1)
	pinged := false
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			break
		}
		if f.Header().Type == http2.FramePing {
			pinged = true
		}
	}
	require.True(t, pinged)
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.conns) == 0 }, patience, time.Millisecond)
}

// Who answers pings may be silent otherwise; a time limit ends a call whose request does not come.
func TestPatientClients(t *testing.T) {
	_, address := serve(t, &echo{}, func(s *Server) {
		s.options.PingInterval, s.options.PingTimeout = 20*time.Millisecond, patience
	})
	c := dial(t, address)
	c.open(1, requestFields(unaryPath, "grpc-timeout", "100m")...)
	pinged := 0
	f := c.until(func(f http2.Frame) bool {
		if p, ok := f.(*http2.PingFrame); ok && !p.IsAck() {
			pinged++
			require.NoError(t, c.framer.WritePing(true, p.Data))
		}
		return f.Header().StreamID == 1
	})
	require.Equal(t, http2.ErrCodeCancel, f.(*http2.RSTStreamFrame).ErrCode)
	require.Positive(t, pinged)
	c.works(3)
}

// Pings are free after an answer, and otherwise only from time to time.
func TestTooManyPings(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dial(t, address)
	for id := uint32(1); id < 21; id += 2 {
		c.works(id)
		require.NoError(t, c.framer.WritePing(false, [8]byte{}))
	}
	for range 3 {
		require.NoError(t, c.framer.WritePing(false, [8]byte{}))
	}
	code, reason := c.goneAway()
	require.Equal(t, http2.ErrCodeEnhanceYourCalm, code)
	require.Equal(t, "too_many_pings", reason)
}

// The end, step by step: what is under way ends, what comes after is passed over.
func TestGracefulEnd(t *testing.T) {
	begun, free := make(chan struct{}, 9), map[string]chan struct{}{"first": make(chan struct{}), "on its way": make(chan struct{})}
	s, address := serve(t, &echo{unary: func(_ context.Context, b []byte) ([]byte, error) {
		begun <- struct{}{}
		<-free[string(b)]
		return b, nil
	}}, func(s *Server) { s.limits.linger = patience })
	c := dial(t, address)
	c.call(1, "first")
	<-begun
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop(context.Background())
	}()
	last := func() uint32 {
		return c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameGoAway }).(*http2.GoAwayFrame).LastStreamID
	}
	require.EqualValues(t, windowMax, last())
	c.call(3, "on its way")
	<-begun
	p := c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing }).(*http2.PingFrame)
	require.NoError(t, c.framer.WritePing(true, p.Data))
	require.EqualValues(t, 3, last())
	c.call(5, "too late")
	close(free["first"])
	require.Equal(t, packed("first"), c.answered(1).data)
	close(free["on its way"])
	require.Equal(t, packed("on its way"), c.answered(3).data)
	require.NoError(t, c.framer.WritePing(false, [8]byte{})) // what comes still is read
	c.conn.Close()
	<-stopped
	require.Empty(t, begun)
}
