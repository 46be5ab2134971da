package backup_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv2 "go.etcd.io/etcd/client/v2"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/replica"
)

// copyDir copies a member's directory to that of a member which does not run yet.
func copyDir(t *testing.T, from, to *process.Member, withV3 bool) {
	t.Helper()
	require.NoError(t, backup.CopyDirectory(t.Context(), backup.DirectoryConfig{
		DataDir: from.DataDir, BackupDir: to.DataDir, WithV3: withV3,
	}))
}

// count puts the keys count/1, count/2, … one after the other, until ctx ends.
func count(ctx context.Context, cli *clientv3.Client, acked *atomic.Int64) error {
	value := string(make([]byte, 2<<10))
	for i := int64(1); ; i++ {
		if _, err := cli.Put(ctx, fmt.Sprintf("count/%08d", i), value); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		acked.Store(i)
	}
}

// countV2 does the same with API 2.
func countV2(ctx context.Context, keys clientv2.KeysAPI, acked *atomic.Int64) error {
	for i := int64(1); ; i++ {
		if _, err := keys.Create(ctx, fmt.Sprintf("/count/%08d", i), "v"); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		acked.Store(i)
	}
}

// TestCopyOfADirectoryInUse copies the directory of a member again and again while it takes writes of both APIs: each copy
// starts, as another cluster, with all that was acknowledged before and without a hole.
func TestCopyOfADirectoryInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts five servers")
	}
	t.Parallel()
	mine := locate(t, process.Petcd)
	from := reserve(t, mine, 1, "--snapshot-count=500")
	start(t, from)
	cli := client(t, from.Member(0), false)
	before, err := cli.MemberList(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var acked, ackedV2 atomic.Int64
	written := make(chan error, 2)
	go func() { written <- count(ctx, cli, &acked) }()
	go func() { written <- countV2(ctx, v2Client(t, from.Member(0)), &ackedV2) }()
	clusters := map[uint64]bool{before.Header.ClusterId: true}
	for round, flags := range [][]string{nil, {"--force-new-cluster"}, nil, nil} {
		more, moreV2 := acked.Load()+100, ackedV2.Load()+100
		require.Eventually(t, func() bool {
			return len(written) > 0 || acked.Load() >= more && ackedV2.Load() >= moreV2
		}, startTimeout, time.Millisecond)
		if len(written) > 0 {
			require.NoError(t, <-written, "a writer ended")
		}
		to := reserve(t, mine, 1, flags...)
		withV3 := round > 0
		least, leastV2 := acked.Load(), ackedV2.Load()
		copyDir(t, from.Member(0), to.Member(0), withV3)
		start(t, to)
		if there := seeCounts(t, to.Member(0), withV3, least, leastV2); clusters[there.Header.ClusterId] {
			t.Fatal("two clusters have one id")
		} else {
			clusters[there.Header.ClusterId] = true
			require.Len(t, there.Members, 1)
			require.NotEqual(t, before.Members[0].ID, there.Members[0].ID)
		}
		require.NoError(t, to.Close())
	}
	cancel()
	require.NoError(t, errors.Join(<-written, <-written))
}

// seeCounts verifies that a copy has the keys that were counted, without a hole and at least so many; those of API 3 only if
// they were asked for. It returns the copy's members.
func seeCounts(t *testing.T, m *process.Member, withV3 bool, least, leastV2 int64) *clientv3.MemberListResponse {
	t.Helper()
	cli := client(t, m, false)
	got, err := cli.Get(t.Context(), "count/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	require.NoError(t, err)
	if withV3 {
		require.GreaterOrEqual(t, got.Count, least)
	} else {
		require.Zero(t, got.Count)
		require.EqualValues(t, 1, got.Header.Revision)
		put, err := cli.Put(t.Context(), "count/00000001", "") // it is a store like any other
		require.NoError(t, err)
		require.EqualValues(t, 2, put.Header.Revision)
	}
	for i, kv := range got.Kvs {
		require.Equal(t, fmt.Sprintf("count/%08d", i+1), string(kv.Key))
	}
	tree, err := v2Client(t, m).Get(t.Context(), "/count", &clientv2.GetOptions{Sort: true})
	require.NoError(t, err)
	require.GreaterOrEqual(t, int64(len(tree.Node.Nodes)), leastV2)
	for i, n := range tree.Node.Nodes {
		require.Equal(t, fmt.Sprintf("/count/%08d", i+1), n.Key)
	}
	members, err := cli.MemberList(t.Context())
	require.NoError(t, err)
	return members
}

// TestCopyWithALogOfItsOwn copies a stopped member whose log lies elsewhere, to one whose log does.
func TestCopyWithALogOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts two servers")
	}
	t.Parallel()
	mine, wal, toWAL := locate(t, process.Petcd), filepath.Join(t.TempDir(), "wal"), filepath.Join(t.TempDir(), "wal")
	from := reserve(t, mine, 1, "--wal-dir="+wal)
	start(t, from)
	_, err := v2Client(t, from.Member(0)).Set(t.Context(), "/key", "value", nil)
	require.NoError(t, err)
	require.NoError(t, from.Close())
	to := reserve(t, mine, 1, "--wal-dir="+toWAL)
	c := backup.DirectoryConfig{DataDir: from.Member(0).DataDir, BackupDir: to.Member(0).DataDir, BackupWALDir: toWAL}
	require.ErrorContains(t, backup.CopyDirectory(t.Context(), c), "log is missing")
	require.NoDirExists(t, filepath.Join(c.BackupDir, "member"), "nothing is left")
	c.WALDir = wal
	require.NoError(t, backup.CopyDirectory(t.Context(), c))
	start(t, to)
	got, err := v2Client(t, to.Member(0)).Get(t.Context(), "/key", nil)
	require.NoError(t, err)
	require.Equal(t, "value", got.Node.Value)
	require.ErrorIs(t, backup.CopyDirectory(t.Context(), c), replica.ErrNotEmpty)
}

// TestNoCopyOfALogInTwoFolders says what to do instead.
func TestNoCopyOfALogInTwoFolders(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server")
	}
	t.Parallel()
	from := reserve(t, locate(t, process.Petcd), 1, "--wal-failover-dir="+t.TempDir())
	start(t, from)
	err := backup.CopyDirectory(t.Context(), backup.DirectoryConfig{DataDir: from.Member(0).DataDir, BackupDir: filepath.Join(t.TempDir(), "b")})
	require.ErrorIs(t, err, replica.ErrSecondFolder)
	require.ErrorContains(t, err, "snapshot save")
}
