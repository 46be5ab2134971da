package backup_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/process"
)

// restore makes the data directories of a petcd cluster.
func restore(t *testing.T, path string, c *process.Cluster, change func(*backup.RestoreConfig)) {
	t.Helper()
	for _, m := range c.Members() {
		cfg := backup.RestoreConfig{
			Path: path, Name: m.Name, DataDir: m.DataDir, InitialCluster: initialCluster(c), Token: "process",
			PeerURLs: []string{m.AdvertisePeerURL}, Logger: slog.New(slog.DiscardHandler),
		}
		change(&cfg)
		require.NoError(t, backup.Restore(t.Context(), cfg))
	}
}

// asItIs leaves the revision alone.
func asItIs(*backup.RestoreConfig) {}

// TestMigration takes a random history from a real etcd to petcd and back to the same etcd: at each stop everything that a
// client can see is the same, to the hash of every revision and the events of an old watch.
func TestMigration(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts six servers")
	}
	for seed, target := range []string{process.Etcd34, process.Etcd373} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			real, mine := locate(t, target), locate(t, process.Petcd)
			from := reserve(t, real, 1)
			start(t, from)
			writeHistory(t, client(t, from.Member(0), false), uint64(seed))
			want := observe(t, from.Member(0))
			path := save(t, from.Member(0))
			require.NoError(t, from.Close())

			there := reserve(t, mine, 1)
			restore(t, path, there, asItIs)
			start(t, there)
			require.Equal(t, want, observe(t, there.Member(0)))
			archive := save(t, there.Member(0))
			require.NoError(t, there.Close())

			converted := filepath.Join(t.TempDir(), "for-etcd.db")
			_, err := backup.Convert(archive, converted, nil)
			require.NoError(t, err)
			back := reserve(t, real, 1)
			restoreEtcd(t, real, converted, back)
			start(t, back)
			require.Equal(t, want, observe(t, back.Member(0)))
		})
	}
}

// TestRestoredCluster restores three members from one file, with the revision raised: a watch from before is told that what it
// asks for is compacted, all members agree, and one that joins later gets what no log entry holds.
func TestRestoredCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts five servers")
	}
	t.Parallel()
	mine := locate(t, process.Petcd)
	from := reserve(t, mine, 1)
	start(t, from)
	writeHistory(t, client(t, from.Member(0), false), 7)
	want := observe(t, from.Member(0))
	path := save(t, from.Member(0))
	require.NoError(t, from.Close())

	c := reserve(t, mine, 3)
	restore(t, path, c, func(cfg *backup.RestoreConfig) { cfg.BumpRevision, cfg.MarkCompacted = backup.DefaultBump, true })
	start(t, c)
	cli := client(t, c.Member(0), true)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	r, err := cli.Put(ctx, "after", "it")
	require.NoError(t, err)
	require.Equal(t, want.Revision+backup.DefaultBump+1, r.Header.Revision)
	seen := <-cli.Watch(ctx, "key/", clientv3.WithPrefix(), clientv3.WithRev(want.Revision+1))
	require.ErrorIs(t, seen.Err(), rpctypes.ErrCompacted)
	require.Equal(t, want.Revision+backup.DefaultBump, seen.CompactRevision)

	joined, err := c.Grow()
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the members must have been connected for a while
		_, err := cli.MemberAdd(ctx, []string{joined.AdvertisePeerURL})
		return err == nil
	}, startTimeout, 100*time.Millisecond)
	require.NoError(t, joined.Start())
	require.NoError(t, joined.WaitHealthy(ctx))
	hash, err := cli.HashKV(ctx, c.Member(0).ClientURL, r.Header.Revision)
	require.NoError(t, err)
	for _, m := range c.Members() {
		member := client(t, m, true)
		got, err := member.Get(ctx, "key/", clientv3.WithPrefix())
		require.NoError(t, err)
		var kvs []string
		for _, kv := range got.Kvs {
			kvs = append(kvs, kv.String())
		}
		require.Subset(t, want.KVs, kvs)
		same, err := member.HashKV(ctx, m.ClientURL, r.Header.Revision)
		require.NoError(t, err)
		require.Equal(t, hash.Hash, same.Hash, m.Name)
	}
}
