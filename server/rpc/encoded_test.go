package rpc

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

// encodedEcho makes echo answer in pieces, which are what the wrapper of the request would be.
func encodedEcho(s *Server) {
	s.options.Unary = func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		resp, err := handler(ctx, req)
		if err != nil {
			return nil, err
		}
		e := &Encoded{}
		p := packed(string(resp.(interface{ GetValue() []byte }).GetValue()))[prefixLen:]
		for n := 1; len(p) > 0; n = 3*n + 1 { // pieces of all sizes
			n = min(n, len(p))
			if _, err := e.Write(p[:n]); err != nil {
				return nil, err
			}
			p = p[n:]
		}
		return e, nil
	}
}

// What a handler encoded itself comes as it is, in frames that may be shorter, compressed or not.
func TestEncodedAnswers(t *testing.T) {
	_, address := serve(t, &echo{}, encodedEcho)
	c := connect(t, address)
	for _, n := range []int{0, 1, 100, pieceMin, pieceMax, pieceMax + 1, 3 << 20} {
		value := []byte(strings.Repeat("v", n))
		for _, options := range [][]grpc.CallOption{nil, {grpc.UseCompressor(gzip.Name)}} {
			got, err := invoke(t.Context(), c, value, options...)
			require.NoError(t, err)
			require.Equal(t, n, len(got))
			require.Equal(t, string(value), string(got))
		}
	}
}

// A client that takes little at a time, beside the pieces' borders, gets the whole; one that gives up leaves nothing behind.
func TestEncodedAnswersKeepToTheWindows(t *testing.T) {
	s, address := serve(t, &echo{}, encodedEcho)
	taken := pool.(*poisoned).out
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	before := taken()
	value := strings.Repeat("x", 3*pieceMax/2)
	want := packed(value)
	c.call(1, value)
	require.NoError(t, c.framer.WriteWindowUpdate(0, 1<<20))
	got := []byte{}
	for step := uint32(1); len(got) < len(want); step = 2*step%1021 + 1 {
		step = min(step, uint32(len(want)-len(got)))
		require.NoError(t, c.framer.WriteWindowUpdate(1, step))
		for to := len(got) + int(step); len(got) < to; {
			f := c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameData })
			got = append(got, f.(*http2.DataFrame).Data()...)
			require.LessOrEqual(t, len(got), to, "more than the window")
		}
	}
	require.Equal(t, string(want), string(got))
	require.Equal(t, "0", c.answered(1).fields["grpc-status"])

	c.call(3, value)
	eventually(t, s, "the answer waits", func(c *conn) bool { return c.streams[3] != nil && !c.streams[3].message.none() })
	require.NoError(t, c.framer.WriteWindowUpdate(3, pieceMin+10)) // one is sent, another is partly sent
	c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameData })
	require.Greater(t, taken(), before)
	require.NoError(t, c.framer.WriteRSTStream(3, http2.ErrCodeCancel))
	eventually(t, s, "all buffers are free", func(c *conn) bool { return len(c.streams) == 0 && taken() == before })
}

// A client that takes a byte now and then keeps its call, across pieces, too.
func TestSlowReadersOfPiecesStay(t *testing.T) {
	s, address := serve(t, &echo{}, func(s *Server) { encodedEcho(s); s.limits.untaken = 2 * time.Second })
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: pieceMin - 10})
	c.call(1, strings.Repeat("x", 10*pieceMin))
	for end := time.Now().Add(2 * s.limits.untaken); time.Now().Before(end); time.Sleep(s.limits.untaken / 20) {
		require.NoError(t, c.framer.WriteWindowUpdate(1, 1))
	}
	require.NoError(t, c.framer.WriteWindowUpdate(1, 1<<20))
	require.Equal(t, "0", c.answered(1).fields["grpc-status"])
	require.NoError(t, c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	c.call(3, strings.Repeat("x", 10*pieceMin))
	require.Equal(t, http2.ErrCodeEnhanceYourCalm, c.answered(3).reset)
}

// Write fails for what no message can hold; an answer that a handler returns all the same is refused.
func TestEncodedAnswersHaveAMost(t *testing.T) {
	_, address := serve(t, &echo{}, func(s *Server) {
		s.options.Unary = func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
			e := &Encoded{}
			if _, err := e.Write([]byte("some")); err != nil {
				return nil, err
			}
			e.size = messageMax
			if _, err := e.Write([]byte("some")); err == nil {
				return nil, errors.New("it was taken")
			}
			return e, nil
		}
	})
	_, err := invoke(t.Context(), connect(t, address), nil)
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
	require.ErrorContains(t, err, "2147483646 vs. 2147483647")
}

// A connection that has nothing to write keeps no large buffers, whatever it wrote before.
func TestLargeWriteBuffersAreNotKept(t *testing.T) {
	s, address := serve(t, &echo{unary: func(_ context.Context, b []byte) ([]byte, error) {
		n, err := strconv.Atoi(string(b))
		return make([]byte, n), err
	}}, nil)
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 8 << 20})
	require.NoError(t, c.framer.WriteWindowUpdate(0, 8<<20))
	for i, n := range []int{100, 20 << 10, 50 << 10, 3 << 20} {
		id := uint32(2*i + 1)
		c.call(id, strconv.Itoa(n))
		require.Len(t, c.answered(id).data, len(packed(strings.Repeat("x", n))))
		// The answer to a ping has a buffer of its own: the large one is not being written while this is looked at.
		require.NoError(t, c.framer.WritePing(false, [8]byte{1}))
		c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing })
		eventually(t, s, "only small ones are left", func(c *conn) bool {
			return len(c.out) == 0 && cap(c.out) <= keptBuffer && cap(c.spare) <= keptBuffer
		})
	}
}

// A write buffer grows through the sizes that are kept for that, and is as large as it must be.
func TestWriteBuffersGrow(t *testing.T) {
	c := &conn{}
	for _, step := range []struct{ n, capacity int }{
		{1000, 1000}, {16 << 10, 32 << 10}, {10 << 10, 32 << 10}, {16 << 10, 64 << 10}, {16 << 10, 64 << 10}, {16 << 10, 128 << 10},
		{100 << 10, queuedMax + 2*frameMax},
	} {
		c.room(step.n)
		was := len(c.out)
		c.out = append(c.out, make([]byte, step.n)...)
		for i := was; i < len(c.out); i++ {
			c.out[i] = byte(i)
		}
		if step.capacity > keptBuffer {
			require.Equal(t, step.capacity, cap(c.out), "%d bytes", len(c.out))
		}
	}
	for i := range c.out {
		require.Equal(t, byte(i), c.out[i])
	}
	c.dropLarge()
	require.Zero(t, cap(c.out))
}
