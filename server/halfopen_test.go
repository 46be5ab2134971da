//go:build unix

package server_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/listener"
	"github.com/petcd/petcd/server/servertest"
	"github.com/petcd/petcd/server/tlstest"
)

// halfOpen is how many connections the test opens that say nothing, or begin
// to and stop; fewer where the process may not have as many files.
const halfOpen = 10000

// TestHalfOpenConnectionsHurtNoClient is CVE-2026-73500: connections that
// never finish their handshake. Both ends are in this process, so the numbers
// of goroutines are of the server, and each connection takes two files.
func TestHalfOpenConnectionsHurtNoClient(t *testing.T) {
	for name, secure := range map[string]bool{"TLS": true, "plain": false} {
		t.Run(name, func(t *testing.T) {
			ca := tlstest.NewCA(t, t.TempDir(), "ca")
			server := ca.Server("server")
			var clientTLS *tls.Config
			c := servertest.Start(t, 1, servertest.WithConfig(func(c *config.Config) {
				if !secure {
					return
				}
				clientTLS = ca.Config(ca.Client("client", "alice"))
				c.ClientTLS = config.TLS{CertFile: server.CertFile, KeyFile: server.KeyFile, TrustedCAFile: ca.CertFile, ClientCertAuth: true}
				for i := range c.ListenClientURLs {
					c.ListenClientURLs[i].Scheme = "https"
				}
			}))
			at := c.Members[0].Config.ListenClientURLs[0]
			before := dialTLS(t, at, clientTLS)
			putOnce(t, before)
			goroutines := runtime.NumGoroutine()

			beginning := []byte("PRI *") // of HTTP/2
			if secure {
				beginning = []byte{0x16, 3, 1} // of a TLS record
			}
			conns := openHalf(t, at.Host, beginning)
			began := time.Now()
			putOnce(t, before)
			putOnce(t, dialTLS(t, at, clientTLS))
			t.Logf("%d half-open connections: two puts, one with a new connection, took %v; %d goroutines more",
				len(conns), time.Since(began), runtime.NumGoroutine()-goroutines)
			require.Less(t, runtime.NumGoroutine()-goroutines, listener.PendingMax+500)

			for _, conn := range conns {
				conn.Close()
			}
			require.Eventually(t, func() bool { return runtime.NumGoroutine() < goroutines+50 }, 20*time.Second, 10*time.Millisecond)
			putOnce(t, before)
		})
	}
}

// openHalf opens connections that are silent, every second of them after a
// beginning.
func openHalf(t *testing.T, address string, beginning []byte) []net.Conn {
	t.Helper()
	var files unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &files))
	conns := make([]net.Conn, min(halfOpen, int(files.Cur)-listener.PendingMax-500))
	var all sync.WaitGroup
	for part := range 64 {
		all.Go(func() {
			for i := part; i < len(conns); i += 64 {
				conn, err := net.DialTimeout("tcp", address, 30*time.Second)
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				if i%2 == 0 {
					_, _ = conn.Write(beginning) // it may have been closed already
				}
				conns[i] = conn
			}
		})
	}
	all.Wait()
	require.False(t, t.Failed())
	t.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
	})
	return conns
}

func dialTLS(t *testing.T, at url.URL, config *tls.Config) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{at.String()}, TLS: config, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func putOnce(t *testing.T, c *clientv3.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := c.Put(ctx, "k", "v")
	require.NoError(t, err)
}
