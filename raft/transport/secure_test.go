package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDialTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	trusting := func(host string) *tls.Config {
		pool := x509.NewCertPool()
		pool.AddCert(srv.Certificate())
		return &tls.Config{RootCAs: pool, ServerName: host}
	}
	dial := Dialer((&net.Dialer{}).DialContext)
	conn, err := DialTLS(dial, trusting)(t.Context(), "tcp", addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	var unknown x509.UnknownAuthorityError
	_, err = DialTLS(dial, nil)(t.Context(), "tcp", addr)
	require.ErrorAs(t, err, &unknown, "without a configuration the system's CAs count")
	_, err = DialTLS(dial, trusting)(t.Context(), "tcp", "no port")
	require.Error(t, err)
}

func TestDialTLSGivesUpOnSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var opened net.Conn
	dial := Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		opened, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return opened, err
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = DialTLS(dial, nil)(ctx, "tcp", l.Addr().String())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = opened.Write([]byte{1})
	require.True(t, errors.Is(err, net.ErrClosed), "the connection is closed: %v", err)
}
