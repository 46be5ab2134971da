package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/tlstest"
)

// TestProxiesInARow talks to a member through a gateway, and through a gRPC
// proxy with TLS before that gateway.
func TestProxiesInARow(t *testing.T) {
	client, peer := freePort(t), freePort(t)
	m := startMember(t, "--data-dir="+filepath.Join(t.TempDir(), "data"),
		fmt.Sprintf("--listen-client-urls=http://127.0.0.1:%d", client), fmt.Sprintf("--advertise-client-urls=http://127.0.0.1:%d", client),
		fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", peer), fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", peer),
		fmt.Sprintf("--initial-cluster=default=http://127.0.0.1:%d", peer))
	waitLine := func(m *member, text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(m.log.String(), text) }, time.Minute, 10*time.Millisecond, text)
	}
	waitLine(m, "ready to serve client requests")
	gate := freePort(t)
	g := startMember(t, "gateway", "start", fmt.Sprintf("--listen-addr=127.0.0.1:%d", gate), fmt.Sprintf("--endpoints=127.0.0.1:%d", client))
	waitLine(g, "ready to proxy client requests")
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	server := ca.Server("proxy")
	front, pages := freePort(t), freePort(t)
	p := startMember(t, "grpc-proxy", "start", fmt.Sprintf("--listen-addr=127.0.0.1:%d", front), fmt.Sprintf("--endpoints=127.0.0.1:%d", gate),
		fmt.Sprintf("--metrics-addr=http://127.0.0.1:%d", pages), "--cert-file="+server.CertFile, "--key-file="+server.KeyFile)
	waitLine(p, "started gRPC proxy")

	secure, err := clientv3.New(clientv3.Config{Endpoints: []string{fmt.Sprintf("127.0.0.1:%d", front)}, TLS: ca.Config(), Logger: zap.NewNop()})
	require.NoError(t, err)
	_, err = secure.Put(t.Context(), "k", "v")
	require.NoError(t, err)
	watch := secure.Watch(t.Context(), "k", clientv3.WithRev(1))
	require.Equal(t, "v", string((<-watch).Events[0].Kv.Value))
	require.NoError(t, secure.Close())

	plain, err := clientv3.New(clientv3.Config{Endpoints: []string{fmt.Sprintf("127.0.0.1:%d", gate)}, Logger: zap.NewNop()})
	require.NoError(t, err)
	got, err := plain.Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "v", string(got.Kvs[0].Value))
	require.NoError(t, plain.Close())

	for _, path := range []string{"/health", "/proxy/health", "/metrics"} {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", pages, path))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
	}
	p.stop(t)
	g.stop(t)
	m.stop(t)
}
