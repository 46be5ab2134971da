package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Dialer opens a connection, as net.Dialer.DialContext does.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// handshakeTimeout is how long a TLS handshake with a peer may take.
const handshakeTimeout = 5 * time.Second

// DialTLS makes a dialer of connections with TLS. The configuration is asked for with every connection, so that new
// certificates are used without a restart; nil trusts the system's CAs.
func DialTLS(dial Dialer, config func(host string) *tls.Config) Dialer {
	if config == nil {
		config = func(host string) *tls.Config { return &tls.Config{ServerName: host} }
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("transport: address of a peer: %w", err)
		}
		plain, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		secure := tls.Client(plain, config(host))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("transport: TLS handshake with %s: %w", addr, err), plain.Close())
		}
		return secure, nil
	}
}
