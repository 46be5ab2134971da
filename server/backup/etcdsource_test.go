package backup_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/storage/etcddb"
)

// TestRestoreOfAFollowerThatTookASnapshot has the directory of a real etcd as a crash leaves it between two steps of
// installing a leader's snapshot: the snapshot is written and the log names it, but the database that came with it does not
// have its name yet, and the old one lacks most keys. All keys come over, as etcd itself finds them when it starts again. A
// directory that lacks the new database is refused.
func TestRestoreOfAFollowerThatTookASnapshot(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts three servers")
	}
	t.Parallel()
	from := reserve(t, locate(t, process.Etcd34), 1, "--enable-v2", "--snapshot-count=10")
	m := from.Member(0)
	snapDir := filepath.Join(m.DataDir, "member", "snap")
	write := func(first, last int) {
		start(t, from)
		cli := client(t, m, false)
		for i := first; i < last; i++ {
			_, err := cli.Put(t.Context(), fmt.Sprintf("key/%d", i), "v")
			require.NoError(t, err)
		}
		require.NoError(t, from.Close())
	}
	write(0, 3)
	old, err := os.ReadFile(filepath.Join(snapDir, "db"))
	require.NoError(t, err)
	write(3, 54) // snapshots are at 11, 22, …, 55: some entries follow the last one
	snaps, err := filepath.Glob(filepath.Join(snapDir, "*-*.snap"))
	require.NoError(t, err)
	require.NotEmpty(t, snaps)
	_, index, _ := strings.Cut(filepath.Base(slices.Max(snaps)), "-")
	received := filepath.Join(snapDir, index+".db")
	require.NoError(t, os.Rename(filepath.Join(snapDir, "db"), received))
	require.NoError(t, os.WriteFile(filepath.Join(snapDir, "db"), old, 0o600))

	require.NoError(t, os.Rename(received, received+".away"))
	err = backup.Restore(t.Context(), backup.RestoreConfig{
		Path: m.DataDir, Name: "m", DataDir: t.TempDir(), InitialCluster: "m=http://127.0.0.1:1",
		PeerURLs: []string{"http://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorIs(t, err, etcddb.ErrCorrupt)
	require.ErrorContains(t, err, "older than the snapshot")
	require.NoError(t, os.WriteFile(received, old, 0o600))
	err = backup.Restore(t.Context(), backup.RestoreConfig{
		Path: m.DataDir, Name: "m", DataDir: t.TempDir(), InitialCluster: "m=http://127.0.0.1:1",
		PeerURLs: []string{"http://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorIs(t, err, etcddb.ErrCorrupt)
	require.NoError(t, os.Rename(received+".away", received))

	there := reserve(t, locate(t, process.Petcd), 1)
	restore(t, m.DataDir, there, asItIs)
	start(t, from)
	start(t, there)
	all, err := client(t, there.Member(0), false).Get(t.Context(), "key/53")
	require.NoError(t, err)
	require.EqualValues(t, 1, all.Count)
	sameKeys(t, m, there.Member(0))
}
