package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// patience bounds every wait of the tests.
const patience = 20 * time.Second

// echo is the tests' service: what handlers do is the test's to say.
type echo struct {
	unary  func(context.Context, []byte) ([]byte, error)
	stream func(grpc.ServerStream) error
}

// echoDesc has a method of every kind.
var echoDesc = grpc.ServiceDesc{
	ServiceName: "test.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: func(srv any, ctx context.Context, decode func(any) error, between grpc.UnaryServerInterceptor) (any, error) {
		in := &wrapperspb.BytesValue{}
		if err := decode(in); err != nil {
			return nil, err
		}
		handle := func(ctx context.Context, req any) (any, error) {
			out, err := srv.(*echo).unary(ctx, req.(*wrapperspb.BytesValue).Value)
			return wrapperspb.Bytes(out), err
		}
		if between == nil {
			return handle(ctx, in)
		}
		return between(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: unaryPath}, handle)
	}}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Bidi", ClientStreams: true, ServerStreams: true, Handler: runStream},
		{StreamName: "Server", ServerStreams: true, Handler: runStream},
	},
}

const (
	unaryPath  = "/test.Echo/Unary"
	bidiPath   = "/test.Echo/Bidi"
	serverPath = "/test.Echo/Server"
)

func runStream(srv any, ss grpc.ServerStream) error { return srv.(*echo).stream(ss) }

// back answers with what it gets.
func back(_ context.Context, b []byte) ([]byte, error) { return b, nil }

// backAll does so for every message.
func backAll(ss grpc.ServerStream) error {
	for {
		m := &wrapperspb.BytesValue{}
		if err := ss.RecvMsg(m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := ss.SendMsg(m); err != nil {
			return err
		}
	}
}

// serve runs a server on a free port until the test ends; adjust may change it before. The end waits for all handlers.
func serve(t testing.TB, e *echo, adjust func(*Server)) (*Server, string) {
	t.Helper()
	if e.unary == nil {
		e.unary = back
	}
	if e.stream == nil {
		e.stream = backAll
	}
	s := New(Options{MessageMax: 4 << 20, ConnectTimeout: patience, PingMinTime: time.Minute})
	s.limits.linger = 10 * time.Millisecond
	s.RegisterService(&echoDesc, e)
	if adjust != nil {
		adjust(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		at, cancel := context.WithCancel(context.Background())
		cancel()
		s.Stop(at)
		require.NoError(t, <-ended)
		require.Empty(t, s.conns)
	})
	return s, l.Addr().String()
}

// client speaks HTTP/2 frame by frame.
type client struct {
	t      testing.TB
	conn   net.Conn
	framer *http2.Framer
	last   uint32 // stream, where a test counts
	block  bytes.Buffer
	hpack  *hpack.Encoder
}

// dial opens a connection and exchanges prefaces.
func dial(t testing.TB, address string, settings ...http2.Setting) *client {
	t.Helper()
	c := dialRaw(t, address)
	c.greet(settings...)
	return c
}

// greet exchanges prefaces.
func (c *client) greet(settings ...http2.Setting) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, http2.ClientPreface)
	require.NoError(c.t, err)
	require.NoError(c.t, c.framer.WriteSettings(settings...))
	c.until(func(f http2.Frame) bool {
		s, ok := f.(*http2.SettingsFrame)
		return ok && s.IsAck()
	})
}

// dialRaw opens a connection.
func dialRaw(t testing.TB, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	return newClient(t, conn)
}

// newClient makes a client of a connection.
func newClient(t testing.TB, conn net.Conn) *client {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn, framer: http2.NewFramer(conn, conn)}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(tableStart, nil)
	c.framer.AllowIllegalWrites = true
	c.hpack = newEncoder(&c.block)
	return c
}

// fields are a call's, with others instead or in addition.
func requestFields(path string, more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "test",
		"content-type", "application/grpc", "te", "trailers"}, more...)
}

// encode makes a header block.
func (c *client) encode(fields ...string) []byte {
	c.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		require.NoError(c.t, c.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return bytes.Clone(c.block.Bytes())
}

// open begins a call.
func (c *client) open(id uint32, fields ...string) {
	c.t.Helper()
	require.NoError(c.t, c.tryOpen(id, c.encode(fields...)))
}

// tryOpen is open with a block that is made, for a connection that may be closed.
func (c *client) tryOpen(id uint32, block []byte) error {
	first := min(len(block), frameMax)
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:first], EndHeaders: first == len(block)})
	for block = block[first:]; len(block) > 0 && err == nil; block = block[first:] {
		first = min(len(block), frameMax)
		err = c.framer.WriteContinuation(id, first == len(block), block[:first])
	}
	return err
}

// call makes a whole unary call.
func (c *client) call(id uint32, value string, more ...string) {
	c.t.Helper()
	c.open(id, requestFields(unaryPath, more...)...)
	c.data(id, true, packed(value))
}

// data sends bytes, in as many frames as they need.
func (c *client) data(id uint32, end bool, p []byte) {
	c.t.Helper()
	for len(p) > frameMax {
		require.NoError(c.t, c.framer.WriteData(id, false, p[:frameMax]))
		p = p[frameMax:]
	}
	require.NoError(c.t, c.framer.WriteData(id, end, p))
}

// packed is a message with its prefix.
func packed(value string) []byte {
	body, err := proto.Marshal(wrapperspb.Bytes([]byte(value)))
	if err != nil {
		panic(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
}

// until reads frames up to one that fits.
func (c *client) until(fits func(http2.Frame) bool) http2.Frame {
	c.t.Helper()
	for {
		f, err := c.framer.ReadFrame()
		require.NoError(c.t, err)
		if fits(f) {
			return f
		}
		if g, ok := f.(*http2.GoAwayFrame); ok && g.ErrCode != http2.ErrCodeNo {
			c.t.Logf("GOAWAY %v: %s", g.ErrCode, g.DebugData())
		}
	}
}

// answer is what came on a stream.
type answer struct {
	fields map[string]string
	data   []byte
	reset  http2.ErrCode // beside NO_ERROR
}

// answered reads a stream to its end.
func (c *client) answered(id uint32) answer {
	c.t.Helper()
	a := answer{fields: map[string]string{}}
	c.until(func(f http2.Frame) bool {
		if f.Header().StreamID != id {
			return false
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, hf := range f.Fields {
				a.fields[hf.Name] = hf.Value
			}
			return f.StreamEnded()
		case *http2.DataFrame:
			a.data = append(a.data, f.Data()...)
			return f.StreamEnded()
		case *http2.RSTStreamFrame:
			a.reset = f.ErrCode
			return true
		}
		return false
	})
	return a
}

// works makes a call that succeeds.
func (c *client) works(id uint32) {
	c.t.Helper()
	c.call(id, "still there")
	a := c.answered(id)
	require.Equal(c.t, "0", a.fields["grpc-status"], "%v", a)
	require.Equal(c.t, packed("still there"), a.data)
}

// goneAway waits for the connection's end, and returns what GOAWAY said.
func (c *client) goneAway() (code http2.ErrCode, reason string) {
	c.t.Helper()
	f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.GoAwayFrame); return ok }).(*http2.GoAwayFrame)
	code, reason = f.ErrCode, string(f.DebugData())
	for {
		if _, err := c.framer.ReadFrame(); err != nil {
			var timeout net.Error
			require.False(c.t, errors.As(err, &timeout) && timeout.Timeout(), "the server must close the connection")
			return code, reason
		}
	}
}

// eventually waits for a condition under a server's connections' locks.
func eventually(t testing.TB, s *Server, what string, is func(*conn) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		ok := false
		s.each(func(c *conn) {
			c.mu.Lock()
			defer c.mu.Unlock()
			ok = ok || is(c)
		})
		return ok
	}, patience, time.Millisecond, what)
}

// newEncoder makes header blocks.
func newEncoder(to io.Writer) *hpack.Encoder { return hpack.NewEncoder(to) }
