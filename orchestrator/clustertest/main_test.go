package clustertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
)

// bin is the folder of the programs.
func bin(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("PETCD_BIN_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "bin")
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Skipf("no %s in %s: `make control-plane` builds it", name, dir)
		}
	}
	return dir
}

// kubectl is the path of a stock kubectl.
func kubectl(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("no kubectl: `make test-control-plane` fetches one")
	}
	return path
}

// start runs a cluster for a test, with simulated nodes, whose kubelets serve, if there are names.
func start(t testing.TB, o Options, nodes ...string) (*Cluster, *kubernetes.Clientset, *Nodes) {
	t.Helper()
	o.Bin, o.Dir = bin(t), t.TempDir()
	c, err := Start(context.Background(), o)
	t.Cleanup(func() {
		if c == nil {
			return
		}
		if t.Failed() {
			t.Log(c.Tails(15))
		}
		if err := c.Stop(); err != nil {
			t.Log(err)
		}
	})
	require.NoError(t, err)
	config, err := c.Config()
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	if len(nodes) == 0 {
		return c, client, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	port, err := c.ServeKubelets(ctx)
	require.NoError(t, err)
	simulated := NewNodes(client, NodeOptions{Names: nodes, Serve: func(string) int32 { return port }})
	require.NoError(t, simulated.Run(ctx))
	return c, client, simulated
}

// until waits for a condition; what says what it is.
func until(t testing.TB, patience time.Duration, what string, cond func() (bool, error)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, err := cond()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			require.Fail(t, fmt.Sprintf("not in %v: %s", patience, what), "last error: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
