package conformance

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// secureServer is a cluster whose ports speak TLS, and the authority that its
// certificates come from.
type secureServer struct {
	target  target
	cluster *process.Cluster
	ca      *tlstest.CA
	server  tlstest.Pair // of every member
	client  tlstest.Pair
}

// secureOptions say what is special about a secureServer.
type secureOptions struct {
	members int
	noAuth  bool // clients need no certificate
	peerTLS bool
	flags   func(s *secureServer, m *process.Member) []string // added; may change s.client
}

// startSecure runs a cluster with TLS on its client ports until the test ends.
func startSecure(t *testing.T, tg target, o secureOptions) *secureServer {
	t.Helper()
	s := &secureServer{target: tg, ca: tlstest.NewCA(t, t.TempDir(), "ca")}
	s.server, s.client = s.ca.Server("server"), s.ca.Client("client", "alice")
	flags := tlstest.ClientPortFlags(s.ca, s.server, !o.noAuth)
	if o.peerTLS {
		flags = append(flags, tlstest.PeerPortFlags(s.ca, s.server, true)...)
	}
	config := s.ca.Config(s.client)
	var err error
	s.cluster, err = process.New(process.Config{
		Binary: tg.bin, Members: max(1, o.members), Root: t.TempDir(), Flags: flags, ClientTLS: config, PeerTLS: o.peerTLS,
	})
	require.NoError(t, err)
	for _, m := range s.cluster.Members() {
		if o.flags != nil {
			m.AddFlags(o.flags(s, m)...)
		}
	}
	config.Certificates = s.ca.Config(s.client).Certificates
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s ends with:\n%s", tg.name, s.cluster.Member(0).LogTail(15))
		}
		require.NoError(t, s.cluster.Close())
	})
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	require.NoError(t, s.cluster.StartAll())
	require.NoError(t, s.cluster.WaitHealthy(ctx))
	return s
}

// freeAddress is a port of the loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// address is where the first member's client port is.
func (s *secureServer) address() string {
	return strings.TrimPrefix(s.cluster.Member(0).ClientURL, "https://")
}

// put tries one request over a connection of its own; nil TLS is none.
func put(t *testing.T, address string, config *tls.Config) error {
	t.Helper()
	creds := insecure.NewCredentials()
	if config != nil {
		creds = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	require.NoError(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = pb.NewKVClient(conn).Put(ctx, &pb.PutRequest{Key: []byte("k"), Value: []byte("v")})
	return err
}

// dialSecure is a client that lives until the test ends.
func dialSecure(t *testing.T, url string, config *tls.Config) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{url}, TLS: config, DialTimeout: startTimeout, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// page fetches a page over a connection of its own and returns its status and
// the protocol it came by.
func page(t *testing.T, url string, config *tls.Config, http2 bool) (status int, protocol string, err error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: http2, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Proto, err
}

// shown is the serial number of the certificate that a port shows.
func shown(t *testing.T, address string, config *tls.Config) string {
	t.Helper()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: config}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	c, ok := conn.(*tls.Conn)
	require.True(t, ok)
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// soon waits until something holds that files on disk bring about.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 10*time.Second, 50*time.Millisecond, what)
}
