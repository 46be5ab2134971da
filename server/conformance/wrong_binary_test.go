package conformance

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// TestEtcdStopsAtOurDirectory starts each real etcd on a data directory of
// petcd's, as an image exchanged back by mistake would: it must stop, not
// serve an empty store, and leave what is there.
func TestEtcdStopsAtOurDirectory(t *testing.T) {
	mine, err := locate(process.Petcd)
	require.NoError(t, err)
	srv := startServer(t, target{process.Petcd, mine.Etcd}, 1)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	_, err = srv.client.Put(ctx, "k", "v")
	require.NoError(t, err)
	m := srv.cluster.Member(0)
	require.NoError(t, m.Stop(startTimeout))
	for _, version := range []string{process.Etcd34, process.Etcd373} {
		peer, err := locate(version)
		if err != nil {
			t.Logf("not tried with %s: %v", version, err)
			continue
		}
		cmd := exec.CommandContext(ctx, peer.Etcd, "--name="+m.Name, "--data-dir="+m.DataDir,
			"--listen-client-urls=http://127.0.0.1:0", "--advertise-client-urls=http://127.0.0.1:1",
			"--listen-peer-urls=http://127.0.0.1:0", "--initial-advertise-peer-urls=http://127.0.0.1:1",
			"--initial-cluster="+m.Name+"=http://127.0.0.1:1")
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", out)
		require.NoError(t, ctx.Err(), "%s serves from %s", version, filepath.Base(m.DataDir))
		require.Contains(t, string(out), "snap")
	}
	require.NoError(t, m.Start())
	require.NoError(t, m.WaitHealthy(ctx))
	got, err := srv.client.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "v", string(got.Kvs[0].Value))
}
