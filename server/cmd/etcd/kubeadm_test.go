package main

import (
	"context"
	"fmt"
	"io"
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

// The static pods that kubeadm 1.31 and 1.37 write: the flags in their order,
// with TLS on both ports, and the probes of the pod on the metrics port. Only
// addresses and folders are this test's.
func TestKubeadmsPods(t *testing.T) {
	for name, pod := range map[string]struct{ flags, probes []string }{
		"1.31": {
			flags:  []string{"--experimental-initial-corrupt-check=true", "--experimental-watch-progress-notify-interval=5s"},
			probes: []string{"/health?exclude=NOSPACE&serializable=true", "/health?serializable=false"},
		},
		"1.37": {
			flags:  []string{"--feature-gates=InitialCorruptCheck=true", "--watch-progress-notify-interval=5s"},
			probes: []string{"/livez", "/readyz"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pki := t.TempDir()
			ca := tlstest.NewCA(t, pki, "ca")
			server, peer := ca.Server("server"), ca.Server("peer")
			clientURL, peerURL := fmt.Sprintf("https://127.0.0.1:%d", freePort(t)), fmt.Sprintf("https://127.0.0.1:%d", freePort(t))
			metricsURL := fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
			m := startMember(t, append(pod.flags,
				"--advertise-client-urls="+clientURL, "--cert-file="+server.CertFile, "--client-cert-auth=true",
				"--data-dir="+filepath.Join(t.TempDir(), "etcd"), "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=cp1="+peerURL,
				"--key-file="+server.KeyFile, "--listen-client-urls="+clientURL, "--listen-metrics-urls="+metricsURL,
				"--listen-peer-urls="+peerURL, "--name=cp1", "--peer-cert-file="+peer.CertFile, "--peer-client-cert-auth=true",
				"--peer-key-file="+peer.KeyFile, "--peer-trusted-ca-file="+ca.CertFile, "--snapshot-count=10000", "--trusted-ca-file="+ca.CertFile)...)
			require.Eventually(t, func() bool {
				return strings.Contains(m.log.String(), `"msg":"ready to serve client requests"`)
			}, time.Minute, 10*time.Millisecond)
			for _, probe := range pod.probes {
				resp, err := http.Get(metricsURL + probe)
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", probe, body)
			}
			// As kube-apiserver connects, and as somebody without a certificate does.
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			apiserver, err := clientv3.New(clientv3.Config{
				Endpoints: []string{clientURL}, TLS: ca.Config(ca.Client("apiserver", "kube-apiserver-etcd-client")), Logger: zap.NewNop()})
			require.NoError(t, err)
			defer apiserver.Close()
			_, err = apiserver.Put(ctx, "/registry/health", "ok")
			require.NoError(t, err)
			stranger, err := clientv3.New(clientv3.Config{Endpoints: []string{clientURL}, TLS: ca.Config(), Logger: zap.NewNop()})
			require.NoError(t, err)
			defer stranger.Close()
			short, stop := context.WithTimeout(ctx, time.Second)
			defer stop()
			_, err = stranger.Get(short, "/registry/health")
			require.Error(t, err)
			m.stop(t)
		})
	}
}
