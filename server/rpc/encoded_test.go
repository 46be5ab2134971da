package rpc

import (
	"context"
	"strings"
	"testing"

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
			e.Append(p[:n])
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

// A client that takes little at a time gets the whole, and one that gives up leaves nothing behind.
func TestEncodedAnswersKeepToTheWindows(t *testing.T) {
	s, address := serve(t, &echo{}, encodedEcho)
	c := dial(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	const n = 3 * pieceMax / 2
	c.call(1, strings.Repeat("x", n))
	for sent := 0; sent < n; sent += 1000 {
		require.NoError(t, c.framer.WriteWindowUpdate(0, 1000))
		require.NoError(t, c.framer.WriteWindowUpdate(1, 1000))
	}
	a := c.answered(1)
	require.Equal(t, "0", a.fields["grpc-status"])
	require.Equal(t, packed(strings.Repeat("x", n)), a.data)
	c.call(3, strings.Repeat("x", n))
	eventually(t, s, "the answer waits", func(c *conn) bool { return c.streams[3] != nil && !c.streams[3].message.none() })
	require.NoError(t, c.framer.WriteRSTStream(3, http2.ErrCodeCancel))
	eventually(t, s, "nothing is held", func(c *conn) bool { return len(c.streams) == 0 })
	c.call(5, "")
	require.NoError(t, c.framer.WriteWindowUpdate(5, 100))
	c.answered(5)
}

// Of an answer that no message can hold nothing is kept but its size, which its refusal tells.
func TestEncodedAnswersHaveAMost(t *testing.T) {
	_, address := serve(t, &echo{}, func(s *Server) {
		s.options.Unary = func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
			e := &Encoded{}
			e.Append([]byte("some"))
			e.Append(make([]byte, messageMax)) // never touched
			e.Append([]byte("some"))
			if len(e.pieces) > 0 {
				return nil, status.Error(codes.Internal, "pieces were kept")
			}
			return e, nil
		}
	})
	_, err := invoke(t.Context(), connect(t, address), nil)
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
	require.ErrorContains(t, err, "2147483650 vs. 2147483647")
}
