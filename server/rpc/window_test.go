package rpc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// untilCanceled is a handler that reads nothing and ends with its client.
func untilCanceled(ss grpc.ServerStream) error {
	<-ss.Context().Done()
	return ss.Context().Err()
}

// An answer is cut to the client's windows: both of them, and as they change.
func TestAnswersKeepToTheWindows(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	value := strings.Repeat("x", 100_000)
	c.call(1, value[:50_000])
	got := 0
	read := func(to int) {
		t.Helper()
		for got < to {
			f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok })
			got += len(f.(*http2.DataFrame).Data())
		}
		require.Equal(t, to, got)
		require.NoError(t, c.framer.WritePing(false, [8]byte{}))
		f := c.until(func(f http2.Frame) bool {
			return f.Header().Type == http2.FrameData || f.Header().Type == http2.FramePing
		})
		require.Equal(t, http2.FramePing, f.Header().Type, "more than the window")
	}
	read(10)
	require.NoError(t, c.framer.WriteWindowUpdate(1, 90))
	read(100)
	require.NoError(t, c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1010})) // also of open streams
	read(1100)
	require.NoError(t, c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})) // below nothing
	require.NoError(t, c.framer.WriteWindowUpdate(1, 1000))
	read(1100)
	require.NoError(t, c.framer.WriteWindowUpdate(1, 100_000))
	read(len(packed(value[:50_000])))

	// 15,000 bytes are left of the connection's.
	c.call(3, value)
	require.NoError(t, c.framer.WriteWindowUpdate(3, 1_000_000))
	got = 0
	read(windowStart - len(packed(value[:50_000])))
	require.NoError(t, c.framer.WriteWindowUpdate(0, 1_000_000))
	a := c.answered(3)
	require.Equal(t, len(packed(value)), got+len(a.data))
	require.Equal(t, "0", a.fields["grpc-status"])
}

// Who sends more than the windows is told.
func TestClientsKeepToTheWindows(t *testing.T) {
	_, address := serve(t, &echo{stream: untilCanceled}, func(s *Server) { s.limits.window = 1 << 20 })
	c := dial(t, address)
	c.open(1, requestFields(bidiPath)...)
	message := packed(strings.Repeat("x", frameMax-10))
	for range 5 {
		c.data(1, false, message)
	}
	require.Equal(t, http2.ErrCodeFlowControl, c.answered(1).reset)
	c.works(3)
}

// A stream that is not read holds up itself alone.
func TestUnreadStreamsHoldNothingUp(t *testing.T) {
	s, address := serve(t, &echo{stream: untilCanceled}, nil)
	c := dial(t, address)
	message := packed(strings.Repeat("x", frameMax-20))
	id := uint32(1)
	for range 100 { // six times the connection's window
		c.open(id, requestFields(bidiPath)...)
		for range 3 {
			c.data(id, false, message)
		}
		id += 2
	}
	c.works(id)
	eventually(t, s, "held", func(conn *conn) bool { return conn.in.held == int64(300*len(message)) })
	for id := uint32(1); id < 200; id += 2 {
		require.NoError(t, c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	eventually(t, s, "free", func(conn *conn) bool { return conn.in.held == 0 && len(conn.streams) == 0 && conn.zombies == 0 })
}

// A large message gets the window it needs, but not all of them at once.
func TestLargeMessagesWaitForEachOther(t *testing.T) {
	const size = 1 << 20
	s, address := serve(t, &echo{}, func(s *Server) { s.limits.promised = 5 << 19 }) // two and a half
	c := dial(t, address)
	message := packed(strings.Repeat("x", size))
	for id := uint32(1); id < 9; id += 2 {
		c.open(id, requestFields(unaryPath)...)
		c.data(id, false, message[:100])
	}
	granted := map[uint32]int{}
	ping := func() {
		require.NoError(t, c.framer.WritePing(false, [8]byte{}))
		c.until(func(f http2.Frame) bool {
			if w, ok := f.(*http2.WindowUpdateFrame); ok {
				granted[w.StreamID] += int(w.Increment)
			}
			return f.Header().Type == http2.FramePing
		})
	}
	ping()
	rest := len(message) - 100
	require.Equal(t, map[uint32]int{1: rest - windowStart + 100, 3: rest - windowStart + 100}, granted)
	require.NoError(t, c.framer.WriteWindowUpdate(0, 10*size))
	for id := uint32(1); id < 9; id += 2 {
		require.NoError(t, c.framer.WriteWindowUpdate(id, 2*size))
		c.data(id, true, message[100:])
		require.True(t, bytes.Equal(message, c.answered(id).data))
	}
	eventually(t, s, "nothing is promised", func(c *conn) bool {
		return c.in.promised == 0 && len(c.in.hungry) == 0 && c.in.held == 0
	})
}

// A call whose answer the client does not take is ended, but not while he takes some of it now and then.
func TestUntakenAnswersAreEnded(t *testing.T) {
	s, address := serve(t, &echo{}, func(s *Server) { s.limits.untaken = 500 * time.Millisecond })
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	c.call(1, strings.Repeat("x", 10_000))
	for end := time.Now().Add(5 * s.limits.untaken); time.Now().Before(end); time.Sleep(s.limits.untaken / 10) {
		require.NoError(t, c.framer.WriteWindowUpdate(1, 1))
	}
	require.NoError(t, c.framer.WriteWindowUpdate(1, 10_000))
	require.Equal(t, "0", c.answered(1).fields["grpc-status"])
	c.call(3, strings.Repeat("x", 10_000))
	require.Equal(t, http2.ErrCodeEnhanceYourCalm, c.answered(3).reset)
	eventually(t, s, "nothing is held", func(c *conn) bool { return len(c.streams) == 0 })
}

// Answers that a client does not take, many and for longer than a write may take, hold up no other call of its connection.
func TestUnreadAnswersHoldNothingUp(t *testing.T) {
	s, address := serve(t, &echo{}, func(s *Server) { s.limits.stalled = 20 * time.Millisecond })
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	value := strings.Repeat("x", 50_000)
	id := uint32(1)
	for range 100 {
		c.call(id, value)
		id += 2
	}
	eventually(t, s, "all answers wait", func(c *conn) bool {
		waiting := 0
		for _, s := range c.streams {
			if !s.message.none() {
				waiting++
			}
		}
		return waiting == 100
	})
	for end := time.Now().Add(5 * s.limits.stalled); time.Now().Before(end); id += 2 {
		c.call(id, "")
		require.NoError(t, c.framer.WriteWindowUpdate(id, 100))
		require.Equal(t, "0", c.answered(id).fields["grpc-status"])
	}
}

// Handlers wait for a client that takes nothing at all, and it is cut when that lasts.
func TestClientsThatDoNotReadAreCut(t *testing.T) {
	s, _ := serve(t, &echo{unary: func(context.Context, []byte) ([]byte, error) { return nil, errors.New("failed") }},
		func(s *Server) { s.limits.queued, s.limits.stalled = 1000, 2*time.Second })
	server, pipe := net.Pipe() // which takes nothing that is not read
	go s.receive(server)
	c := newClient(t, pipe)
	c.greet()
	for id := uint32(1); id < 200; id += 2 {
		c.call(id, "")
	}
	eventually(t, s, "a crowd waits", func(c *conn) bool { return len(c.crowd) > 20 && len(c.crowd) == len(c.streams) })
	for id := uint32(1); id < 200; id += 2 {
		require.NoError(t, c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	eventually(t, s, "nobody waits any more", func(c *conn) bool { return len(c.crowd) == 0 && len(c.streams) == 0 })
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 0
	}, patience, time.Millisecond)
}

// layered is a connection on another, like TLS's: its end is told to the client, who has to read it.
type layered struct{ net.Conn }

// NetConn is the connection below.
func (l layered) NetConn() net.Conn { return l.Conn }

// Close tells of the end, and waits for that to be read.
func (l layered) Close() error {
	_ = l.SetWriteDeadline(time.Time{})
	_, _ = l.Write([]byte("the end"))
	return l.Conn.Close()
}

// Nor is such a client waited for when it is cut.
func TestTheEndIsNotWaitedFor(t *testing.T) {
	s, _ := serve(t, &echo{}, func(s *Server) { s.limits.stalled = 50 * time.Millisecond })
	server, pipe := net.Pipe()
	go s.receive(layered{server})
	c := newClient(t, pipe)
	c.greet()
	c.call(1, "")
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 0
	}, patience/2, time.Millisecond)
}

// A client that is cut for not reading while its streams wait for windows: the end of one must not look for the others.
func TestCutWhileStreamsAreHungry(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	c, err := New(Options{}).newConn(server)
	require.NoError(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := uint32(1); id < 9; id += 2 {
		s := &stream{conn: c, id: id, cancel: func() {}}
		s.in.have, s.in.size = prefixLen, 1<<20
		s.in.promised = waiting
		c.streams[id] = s
		c.in.hungry = append(c.in.hungry, s)
	}
	first := c.in.hungry[0]
	c.in.hungry, first.in.promised, c.in.promised = c.in.hungry[1:], 1, 1
	c.out = make([]byte, 5*c.limits.queued)
	first.keepPromise()
	require.ErrorIs(t, c.cause, errNotRead)
	require.Empty(t, c.streams)
}

// A message's buffer is not much larger than what has come of it, whatever was announced and however it comes.
func TestBuffersGrowWithWhatComes(t *testing.T) {
	for _, step := range []int{1, 7, 100, 1000, frameMax} {
		whole := bytes.Repeat([]byte("0123456789abcdefg"), 5000)
		in := inbox{size: len(whole)}
		for p := range slices.Chunk(whole, step) {
			in.add(p)
			require.LessOrEqual(t, cap(*in.body), max(64, 8*in.got))
		}
		require.True(t, bytes.Equal(whole, message{body: in.body}.bytes()))
	}
}

// A slow stream is no reason to cut anybody.
func TestSlowStreamsStay(t *testing.T) {
	sent := make(chan int, 100)
	_, address := serve(t, &echo{stream: func(ss grpc.ServerStream) error {
		for i := 1; ; i++ {
			if err := ss.SendMsg(wrapperspb.Bytes(make([]byte, 60_000))); err != nil {
				return err
			}
			sent <- i
		}
	}}, func(s *Server) { s.limits.stalled = 10 * time.Millisecond })
	c := dial(t, address)
	c.open(1, requestFields(bidiPath)...)
	require.Equal(t, 1, <-sent)
	require.Equal(t, 2, <-sent, "the second waits with nobody waiting for it")
	for id := uint32(3); id < 50; id += 2 { // longer than the time limit of what is stalled
		require.NoError(t, c.framer.WriteWindowUpdate(0, 100))
		c.call(id, "")
		c.answered(id)
		time.Sleep(time.Millisecond)
	}
	require.Empty(t, sent, "the third waits for the window")
	require.NoError(t, c.framer.WriteRSTStream(1, http2.ErrCodeCancel))
}

// What is taken from a stream is given back to its window.
func TestLongStream(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dial(t, address)
	c.open(1, requestFields(bidiPath)...)
	for i := range 100 {
		m := packed(strings.Repeat(string(rune('a'+i%26)), 30_000))
		c.data(1, false, m)
		var got []byte
		for len(got) < len(m) {
			f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok })
			got = append(got, f.(*http2.DataFrame).Data()...)
		}
		require.True(t, bytes.Equal(m, got))
		require.NoError(t, c.framer.WriteWindowUpdate(0, uint32(len(m))))
		require.NoError(t, c.framer.WriteWindowUpdate(1, uint32(len(m))))
	}
	c.data(1, true, nil)
	require.Equal(t, "0", c.answered(1).fields["grpc-status"])
}
