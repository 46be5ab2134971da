package robustness

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/process"
)

// repairKeys is how many keys a member has whose files get damaged.
const repairKeys = 1000

// TestDamagedProcessRepairsItself damages a table and then the log of a real member on a real disk. It never serves what is damaged,
// and repairs itself; what it finds in the table while it runs does not even end its process.
func TestDamagedProcessRepairsItself(t *testing.T) {
	t.Parallel() // it waits more than it works
	if target() != process.Petcd {
		t.Skip("petcd's own files are damaged")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cluster, err := process.Start(ctx, process.Config{
		Binary: server(t), Members: 3, Root: t.TempDir(),
		Flags: []string{"--snapshot-count=100", "--snapshot-catchup-entries=10", "--heartbeat-interval=50", "--election-timeout=500"},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close()) }()
	m := cluster.Member(1)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{m.ClientURL}, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer client.Close()
	for i := range repairKeys {
		_, err := client.Put(ctx, fmt.Sprintf("k%04d", i), strings.Repeat("v", 200))
		require.NoError(t, err)
	}
	saved, err := client.Snapshot(ctx) // which brings all into tables
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, saved)
	require.NoError(t, err)

	damage := func(pattern string, at int64) {
		require.NoError(t, m.Stop(30*time.Second))
		names, err := filepath.Glob(filepath.Join(m.DataDir, "member", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			info, err := os.Stat(name)
			require.NoError(t, err)
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			require.NoError(t, err)
			where := at
			if where < 0 {
				where = info.Size() / 2
			}
			b := make([]byte, 1)
			_, err = f.ReadAt(b, where)
			require.NoError(t, err)
			b[0] ^= 4
			_, err = f.WriteAt(b, where)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		require.NoError(t, m.Start())
	}
	whole := func() {
		t.Helper()
		var last error
		require.Eventually(t, func() bool {
			short, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			got, err := client.Get(short, "k", clientv3.WithPrefix(), clientv3.WithSerializable())
			last = err
			if err != nil || len(got.Kvs) < repairKeys {
				return false
			}
			for i, kv := range got.Kvs {
				require.Equal(t, fmt.Sprintf("k%04d", i), string(kv.Key))
				require.Equal(t, strings.Repeat("v", 200), string(kv.Value))
			}
			return true
		}, time.Minute, 50*time.Millisecond, "%v", &last)
		require.NoError(t, m.WaitHealthy(ctx))
	}

	damage("state/engine-*/*.sst", -1)
	pid := m.PID()
	whole()
	require.Equal(t, pid, m.PID())
	require.DirExists(t, filepath.Join(m.DataDir, "member", "state.damaged"))

	id := func() uint64 {
		st, err := client.Status(ctx, m.ClientURL)
		require.NoError(t, err)
		return st.Header.MemberId
	}
	before := id()
	damage("log/*.log", 100)
	whole()
	require.NotEqual(t, before, id())
	require.Eventually(t, func() bool {
		list, err := client.MemberList(ctx)
		if err != nil || len(list.Members) != 3 {
			return false
		}
		for _, other := range list.Members {
			if other.IsLearner {
				return false
			}
		}
		return true
	}, time.Minute, 50*time.Millisecond, "it has its vote again")
	require.DirExists(t, filepath.Join(m.DataDir, "member", "log", "damaged"))
}
