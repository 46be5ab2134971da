package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

func TestDefaultsAreUpstreams(t *testing.T) {
	o := NewOptions()
	flags := o.Flags()
	for name, want := range map[string]string{
		"secure-port": "10259", "bind-address": "0.0.0.0", "kube-api-qps": "50", "kube-api-burst": "100",
		"leader-elect": "true", "leader-elect-lease-duration": "15s", "leader-elect-renew-deadline": "10s", "leader-elect-retry-period": "2s",
		"leader-elect-resource-name": "kube-scheduler", "leader-elect-resource-namespace": "kube-system", "leader-elect-resource-lock": "leases",
	} {
		found := false
		for _, set := range flags.FlagSets {
			if f := set.Lookup(name); f != nil {
				found = true
				require.Equal(t, want, f.DefValue, name)
			}
		}
		require.True(t, found, name)
	}
	require.NoError(t, o.Validate())
}

func TestFlagsOfAStaticPod(t *testing.T) {
	cmd := NewCommand()
	require.NoError(t, cmd.ParseFlags([]string{
		"--authentication-kubeconfig=/etc/kubernetes/scheduler.conf", "--authorization-kubeconfig=/etc/kubernetes/scheduler.conf",
		"--bind-address=127.0.0.1", "--kubeconfig=/etc/kubernetes/scheduler.conf", "--leader-elect=true", "-v=2",
	}))
}

func TestConfigurationFilesAreRefused(t *testing.T) {
	cmd := NewCommand()
	cmd.SetArgs([]string{"--config=x.yaml", "--secure-port=0"})
	require.ErrorContains(t, cmd.Execute(), "--config=x.yaml: configuration files are not supported")
}

// The scheduler must come up against an apiserver, ask for what it watches, and stop when told to.
func TestRunAsksForAllThatItReads(t *testing.T) {
	asked := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.URL.Path:
		default:
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- NewOptions().Run(ctx, &rest.Config{Host: server.URL}) }()
	missing := map[string]bool{
		"/api/v1/nodes": true, "/api/v1/pods": true, "/api/v1/namespaces": true, "/api/v1/persistentvolumes": true,
		"/api/v1/persistentvolumeclaims": true, "/apis/storage.k8s.io/v1/storageclasses": true, "/apis/policy/v1/poddisruptionbudgets": true,
	}
	for len(missing) > 0 {
		select {
		case path := <-asked:
			delete(missing, path)
		case <-time.After(10 * time.Second):
			require.Empty(t, missing)
		}
	}
	cancel()
	require.NoError(t, <-ended)
}
