package backup_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/process"
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

// TestCopyOfADirectoryInUse copies the directory of a member again and again while it takes writes: each copy starts, as
// another cluster, with all that was acknowledged before and without a hole.
func TestCopyOfADirectoryInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts seven servers")
	}
	mine := locate(t, process.Petcd)
	from := reserve(t, mine, 1)
	start(t, from)
	cli := client(t, from.Member(0), false)
	before, err := cli.MemberList(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var acked atomic.Int64
	written := make(chan error, 1)
	go func() { written <- count(ctx, cli, &acked) }()
	seen := map[uint64]bool{before.Header.ClusterId: true}
	for round := range 6 {
		more := acked.Load() + 200
		require.Eventually(t, func() bool { return acked.Load() >= more }, startTimeout, time.Millisecond)
		to := reserve(t, mine, 1)
		least := acked.Load()
		copyDir(t, from.Member(0), to.Member(0), true)
		start(t, to)
		there := client(t, to.Member(0), false)
		got, err := there.Get(t.Context(), "count/", clientv3.WithPrefix(), clientv3.WithKeysOnly(),
			clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
		require.NoError(t, err)
		require.GreaterOrEqual(t, got.Count, least, "round %d", round)
		for i, kv := range got.Kvs {
			require.Equal(t, fmt.Sprintf("count/%08d", i+1), string(kv.Key))
		}
		require.False(t, seen[got.Header.ClusterId], "a new cluster")
		seen[got.Header.ClusterId] = true
		members, err := there.MemberList(t.Context())
		require.NoError(t, err)
		require.Len(t, members.Members, 1)
		require.NotEqual(t, before.Members[0].ID, members.Members[0].ID)
		require.NoError(t, to.Close())
	}
	cancel()
	require.NoError(t, <-written)
}
