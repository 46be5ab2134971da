package process

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// kubeconfig is a file that names a server.
func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '" + server + "'}}]\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// TestUnelected: without an election the work begins at once and its error is the process'.
func TestUnelected(t *testing.T) {
	o := NewOptions("test", 0)
	o.Kubeconfig, o.Election.LeaderElect = kubeconfig(t, "http://127.0.0.1:1"), false
	worked := false
	require.NoError(t, Run(context.Background(), &o, func(_ context.Context, c *rest.Config) error {
		worked = c.Host == "http://127.0.0.1:1"
		return nil
	}))
	require.True(t, worked)
}

// TestNoLeaseNoWork: while the lease cannot be had nothing is done, and the process ends when it is told to.
func TestNoLeaseNoWork(t *testing.T) {
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer server.Close()
	o := NewOptions("test", 0)
	o.Kubeconfig = kubeconfig(t, server.URL)
	o.Election.RetryPeriod.Duration = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- Run(ctx, &o, func(context.Context, *rest.Config) error {
			t.Error("worked without the lease")
			return nil
		})
	}()
	<-asked
	<-asked
	cancel()
	require.NoError(t, <-ended)
}

func TestValidate(t *testing.T) {
	o := NewOptions("test", 0)
	require.NoError(t, o.Validate())
	o.CertFile, o.Port = "x", -1
	o.Election.RenewDeadline = o.Election.LeaseDuration
	o.Election.ResourceLock = "endpoints"
	err := o.Validate()
	for _, says := range []string{"--tls-private-key-file", "--secure-port", "leases", "renew deadline"} {
		require.ErrorContains(t, err, says)
	}
}
