package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/tlstest"
)

// startSecure runs a splitter of a port with TLS.
func startSecure(t *testing.T, adjust func(*Rules)) (*Splitter, string, *tlstest.CA) {
	t.Helper()
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	pair := ca.Server("server")
	cert, err := tls.LoadX509KeyPair(pair.CertFile, pair.KeyFile)
	require.NoError(t, err)
	r := Rules{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}}
	adjust(&r)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := Split(l, r)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
	})
	return s, l.Addr().String(), ca
}

func TestSplitByWhatTheHandshakeOffers(t *testing.T) {
	for name, tc := range map[string]struct {
		offers []string
		grpc   bool
	}{
		"HTTP/2 alone":  {[]string{"h2"}, true},
		"both":          {[]string{"h2", "http/1.1"}, false},
		"HTTP/1 alone":  {[]string{"http/1.1"}, false},
		"nothing":       {nil, false},
		"what is older": {[]string{"grpc-exp", "h2"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, addr, ca := startSecure(t, func(*Rules) {})
			c := ca.Config()
			c.NextProtos = tc.offers
			sent := make(chan error, 1)
			go func() {
				conn, err := tls.Dial("tcp", addr, c)
				if err == nil {
					_, err = conn.Write([]byte("hello"))
				}
				sent <- err
			}()
			l := s.HTTP()
			if tc.grpc {
				l = s.GRPC()
			}
			got, err := l.Accept()
			require.NoError(t, err)
			defer got.Close()
			require.IsType(t, &tls.Conn{}, got)
			all := make([]byte, 5)
			_, err = io.ReadFull(got, all)
			require.NoError(t, err)
			require.Equal(t, "hello", string(all))
			require.NoError(t, <-sent)
			require.Zero(t, s.pending.size())
		})
	}
}

func TestRefusedConnectionsAreToldOf(t *testing.T) {
	told := make(chan error, 2)
	refusal := errors.New("not you")
	_, addr, ca := startSecure(t, func(r *Rules) {
		r.Check = func(context.Context, *tls.Conn) error { return refusal }
		r.Refused = func(_ *tls.Conn, err error) { told <- err }
	})
	conn, err := tls.Dial("tcp", addr, ca.Config())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.ErrorIs(t, <-told, refusal)
	plain, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer plain.Close()
	_, err = plain.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	require.ErrorContains(t, <-told, "does not look like a TLS handshake")
}

func TestSecureClosesBeforeAnybodyWaits(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := Secure(l, Rules{TLS: &tls.Config{}})
	require.NoError(t, s.Close())
	_, err = s.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestLimitBoundsConnections(t *testing.T) {
	limit := NewLimit(2)
	s, addr, _ := startSecure(t, func(r *Rules) { r.Limit, r.TLS, r.HTTPOnly = limit, nil, true })
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
	}
	for range 2 {
		c, err := s.HTTP().Accept()
		require.NoError(t, err)
		open = append(open, c)
	}
	require.Len(t, limit, 2)
	third := make(chan net.Conn, 1)
	go func() {
		c, _ := s.HTTP().Accept()
		third <- c
	}()
	require.NoError(t, open[0].Close())
	require.ErrorIs(t, open[0].Close(), net.ErrClosed, "a place is given back once")
	c := <-third
	require.NotNil(t, c)
	require.Len(t, limit, 2)
	require.NoError(t, c.Close())
	require.NoError(t, open[1].Close())
}

func TestSilentConnectionsMakeRoom(t *testing.T) {
	p := newPending(2, 50*time.Millisecond)
	pipe := func() (*conn, net.Conn) {
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return newConn(a, nil), b
	}
	busy, _ := pipe() // nobody reads it: the server is at work
	require.True(t, p.admit(busy))
	silent, far := pipe()
	require.True(t, p.admit(silent))
	read := make(chan error, 1)
	go func() {
		_, err := silent.Read(make([]byte, 1))
		read <- err
	}()
	next, _ := pipe()
	require.True(t, p.admit(next), "the silent one makes room, though it is not the oldest")
	require.Error(t, <-read)
	_, err := far.Read(make([]byte, 1))
	require.Error(t, err)
	require.Equal(t, 2, p.size())
	p.remove(silent)
	p.remove(busy)
	require.Equal(t, 1, p.size())

	last, _ := pipe()
	p.close()
	require.False(t, p.admit(last))
}
