package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/petcd/petcd/server/tlstest"
)

// connect opens a connection of grpc-go's client.
func connect(t testing.TB, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1 << 30))}, options...)
	c, err := grpc.NewClient(address, options...)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// invoke makes a unary call.
func invoke(ctx context.Context, c *grpc.ClientConn, value []byte, o ...grpc.CallOption) ([]byte, error) {
	out := &wrapperspb.BytesValue{}
	err := c.Invoke(ctx, unaryPath, wrapperspb.Bytes(value), out, o...)
	return out.Value, err
}

// bidi opens a stream.
func bidi(ctx context.Context, t testing.TB, c *grpc.ClientConn) grpc.ClientStream {
	t.Helper()
	stream, err := c.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, bidiPath)
	require.NoError(t, err)
	return stream
}

func TestUnaryOfAllSizes(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := connect(t, address)
	for _, size := range []int{0, 1, 100, frameMax - 9, frameMax - 8, frameMax, windowStart, 1 << 20, 4<<20 - 10} {
		value := bytes.Repeat([]byte("x"), size)
		got, err := invoke(t.Context(), c, value)
		require.NoError(t, err, size)
		require.True(t, bytes.Equal(value, got), size)
		if size > 1<<20 {
			continue
		}
		got, err = invoke(t.Context(), c, value, grpc.UseCompressor(gzip.Name))
		require.NoError(t, err, size)
		require.True(t, bytes.Equal(value, got), size)
	}
	_, err := invoke(t.Context(), c, make([]byte, 5<<20))
	require.Equal(t, codes.ResourceExhausted, status.Code(err), err)
	_, err = invoke(t.Context(), c, make([]byte, 5<<20), grpc.UseCompressor(gzip.Name)) // small on its way
	require.Equal(t, codes.ResourceExhausted, status.Code(err), err)
}

// Some clients send a unary call's message and its end apart, and hold even an empty frame back while their window is empty.
func TestEndAfterTheWindow(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := connect(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sizes := []int{70_000, 1 << 20}
	for size := windowStart - 10; size <= windowStart+5; size++ {
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		stream, err := c.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, unaryPath)
		require.NoError(t, err)
		value := bytes.Repeat([]byte("x"), size)
		require.NoError(t, stream.SendMsg(wrapperspb.Bytes(value)), size)
		require.NoError(t, stream.CloseSend())
		got := &wrapperspb.BytesValue{}
		require.NoError(t, stream.RecvMsg(got), size)
		require.True(t, bytes.Equal(value, got.Value), size)
	}
}

// Many calls at once, large and small, unary and streams, on few connections.
func TestManyCalls(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	var all sync.WaitGroup
	for range 3 {
		c := connect(t, address)
		for i := range 20 {
			all.Go(func() {
				stream := bidi(t.Context(), t, c)
				for n := range 10 {
					value := bytes.Repeat([]byte{byte(i)}, 1+i*n*400)
					got, err := invoke(t.Context(), c, value)
					if err != nil || !bytes.Equal(value, got) {
						t.Errorf("unary: %v, %d bytes of %d", err, len(got), len(value))
						return
					}
					m := &wrapperspb.BytesValue{}
					if err := errors.Join(stream.SendMsg(wrapperspb.Bytes(value)), stream.RecvMsg(m)); err != nil || !bytes.Equal(value, m.Value) {
						t.Errorf("stream: %v", err)
						return
					}
				}
				if err := stream.CloseSend(); err != nil {
					t.Error(err)
				}
				if err := stream.RecvMsg(&wrapperspb.BytesValue{}); !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

func TestStatusWithDetails(t *testing.T) {
	for name, failed := range map[string]error{
		"plain error": errors.New("no status"), "canceled": context.Canceled, "deadline": fmt.Errorf("wrapped: %w", context.DeadlineExceeded),
		"message":    status.Error(codes.NotFound, "none of \u2603, \t or 100%"),
		"ok message": status.Error(codes.OK, "nothing"),
	} {
		t.Run(name, func(t *testing.T) {
			fail := func(error) error { return failed }
			_, address := serve(t, &echo{
				unary:  func(context.Context, []byte) ([]byte, error) { return nil, fail(nil) },
				stream: func(grpc.ServerStream) error { return fail(nil) },
			}, nil)
			c := connect(t, address)
			want := statusOf(failed)
			_, err := invoke(t.Context(), c, nil)
			require.Equal(t, want.Code(), status.Code(err))
			require.Equal(t, want.Message(), status.Convert(err).Message())
			err = bidi(t.Context(), t, c).RecvMsg(&wrapperspb.BytesValue{})
			if want.Code() == codes.OK {
				err = nil // io.EOF
			}
			require.Equal(t, want.Message(), status.Convert(err).Message())
		})
	}
	st, err := status.New(codes.Aborted, "with details").WithDetails(&errdetails.RetryInfo{})
	require.NoError(t, err)
	_, address := serve(t, &echo{unary: func(context.Context, []byte) ([]byte, error) { return nil, st.Err() }}, nil)
	_, err = invoke(t.Context(), connect(t, address), nil)
	require.Len(t, status.Convert(err).Details(), 1)
}

func TestMetadata(t *testing.T) {
	saw := make(chan metadata.MD, 2)
	set := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		saw <- md
		method, _ := grpc.Method(ctx)
		_ = grpc.SetHeader(ctx, metadata.Pairs("a", "1", "method", method))
		_ = grpc.SetHeader(ctx, metadata.Pairs("b-bin", "\x00\xff"))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("c", "3"))
	}
	_, address := serve(t, &echo{
		unary: func(ctx context.Context, b []byte) ([]byte, error) {
			set(ctx)
			if string(b) == "fail" {
				return nil, errors.New("failed")
			}
			return b, nil
		},
		stream: func(ss grpc.ServerStream) error {
			set(ss.Context())
			if err := ss.SendHeader(metadata.Pairs("d", "4")); err != nil {
				return err
			}
			if ss.SendHeader(nil) == nil || ss.SetHeader(metadata.Pairs("late", "x")) == nil {
				return errors.New("a header was sent twice")
			}
			ss.SetTrailer(metadata.Pairs("e", "5"))
			return nil
		},
	}, nil)
	c := connect(t, address, grpc.WithUserAgent("tester"))
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("x", "1", "x", "2", "y-bin", "\x01\x02"))
	for range 2 { // the second time it is known
		var header, trailer metadata.MD
		_, err := invoke(ctx, c, nil, grpc.Header(&header), grpc.Trailer(&trailer))
		require.NoError(t, err)
		md := <-saw
		require.Equal(t, []string{"1", "2"}, md["x"])
		require.Equal(t, []string{"\x01\x02"}, md["y-bin"])
		require.Equal(t, []string{address}, md[":authority"])
		require.Contains(t, md["user-agent"][0], "tester")
		require.Equal(t, []string{contentType}, md["content-type"])
		require.NotContains(t, md, "te")
		require.Equal(t, []string{"1"}, header["a"])
		require.Equal(t, []string{unaryPath}, header["method"])
		require.Equal(t, []string{"\x00\xff"}, header["b-bin"])
		require.Equal(t, []string{"3"}, trailer["c"])
	}
	_, err := invoke(t.Context(), c, nil)
	require.NoError(t, err)
	require.NotContains(t, <-saw, "x", "another call's metadata")

	var header, trailer metadata.MD
	_, err = invoke(ctx, c, []byte("fail"), grpc.Header(&header), grpc.Trailer(&trailer))
	require.Error(t, err)
	require.Equal(t, []string{"1"}, header["a"])
	require.Equal(t, []string{"3"}, trailer["c"])
	<-saw

	stream := bidi(ctx, t, c)
	header, err = stream.Header()
	require.NoError(t, err)
	require.Equal(t, []string{"4"}, header["d"])
	require.Equal(t, []string{"1"}, header["a"])
	require.ErrorIs(t, stream.RecvMsg(&wrapperspb.BytesValue{}), io.EOF)
	require.Equal(t, []string{"5"}, stream.Trailer()["e"])
}

// A call's context ends with its time limit, its client's patience, or its connection; that of a unary call, too.
func TestContextsEnd(t *testing.T) {
	ended := make(chan error, 10)
	_, address := serve(t, &echo{
		unary: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		},
		stream: func(ss grpc.ServerStream) error {
			err := ss.RecvMsg(&wrapperspb.BytesValue{})
			ended <- ss.Context().Err()
			return err
		},
	}, nil)
	c := connect(t, address)
	limited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := invoke(limited, c, nil)
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.Error(t, <-ended) // either side may see the end first

	for _, call := range []func(context.Context){
		func(ctx context.Context) { _, _ = invoke(ctx, c, nil) },
		func(ctx context.Context) { _ = bidi(ctx, t, c).RecvMsg(&wrapperspb.BytesValue{}) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		call(ctx)
		require.ErrorIs(t, <-ended, context.Canceled)
	}
	go func() { _, _ = invoke(t.Context(), c, nil) }()
	_ = bidi(t.Context(), t, c)
	time.AfterFunc(20*time.Millisecond, func() { c.Close() })
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

// Calls go on to another connection while a server drains; none fails.
func TestDrainFailsNoCall(t *testing.T) {
	var servers []*Server
	var addresses []string
	for range 2 {
		s, address := serve(t, &echo{}, nil)
		servers, addresses = append(servers, s), append(addresses, address)
	}
	var mu sync.Mutex
	next := 0
	c := connect(t, "passthrough:///test", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return (&net.Dialer{}).DialContext(ctx, "tcp", addresses[min(next, 2)-1])
	}))
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 20 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := invoke(t.Context(), c, []byte("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	eventually(t, servers[0], "calls run", func(c *conn) bool { return c.lastID > 100 })
	servers[0].Stop(t.Context())
	eventually(t, servers[1], "calls run", func(c *conn) bool { return c.lastID > 100 })
	close(stop)
	all.Wait()
}

// certified tells the calls of a connection's certificate.
type certified struct {
	credentials.TransportCredentials
}

func (certified) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	t := c.(*tls.Conn)
	if err := t.Handshake(); err != nil {
		return nil, nil, err
	}
	return t, credentials.TLSInfo{State: t.ConnectionState()}, nil
}

func TestTLS(t *testing.T) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	pair := ca.Server("server")
	certificate, err := tls.LoadX509KeyPair(pair.CertFile, pair.KeyFile)
	require.NoError(t, err)
	s := New(Options{Credentials: certified{}})
	who := make(chan *peer.Peer, 1)
	s.RegisterService(&echoDesc, &echo{unary: func(ctx context.Context, b []byte) ([]byte, error) {
		p, _ := peer.FromContext(ctx)
		who <- p
		return b, nil
	}})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	go func() { _ = s.Serve(l) }()
	defer s.Stop(t.Context())
	c := connect(t, l.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(ca.Config())))
	value := bytes.Repeat([]byte("x"), 1<<20)
	got, err := invoke(t.Context(), c, value)
	require.NoError(t, err)
	require.True(t, bytes.Equal(value, got))
	p := <-who
	require.IsType(t, credentials.TLSInfo{}, p.AuthInfo)
	require.Equal(t, l.Addr().String(), p.LocalAddr.String())
	c.Close()
}
