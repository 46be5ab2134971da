package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"

	"google.golang.org/grpc/credentials"
)

// handshaken are gRPC's credentials of connections whose TLS handshake, if
// there was one, is over: they tell the calls of the client's certificate.
type handshaken struct{}

// ServerHandshake looks at a connection; it sends nothing.
func (handshaken) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	t, ok := c.(*tls.Conn)
	if !ok {
		return c, nil, nil
	}
	return t, credentials.TLSInfo{
		State:          t.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// ClientHandshake is refused: a server opens no connection.
func (handshaken) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("api: credentials of a server")
}

// Info names the protocol below HTTP/2.
func (handshaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone returns a copy, which is the same.
func (h handshaken) Clone() credentials.TransportCredentials { return h }

// OverrideServerName is for clients; gRPC keeps it for old ones.
func (handshaken) OverrideServerName(string) error { return nil }

// ServeHTTP answers a gRPC call that came over an HTTP/2 connection of
// net/http's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.grpc.ServeHTTP(w, r) }
