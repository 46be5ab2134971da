package replica

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/config"
)

func memberConfig(dir string) config.Config {
	c := config.Default()
	c.DataDir = dir
	return c
}

func TestDataDirIsPrivateAndLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, err := openDataDir(vfs.Default, dir, "")
	require.NoError(t, err)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	_, err = openDataDir(vfs.Default, dir, "")
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, d.close())
	d, err = openDataDir(vfs.Default, dir, "")
	require.NoError(t, err)
	require.NoError(t, d.close())
}

func TestEtcdsDataDirIsRefusedUntouched(t *testing.T) {
	for _, theirs := range []string{"member/snap/db", "member/wal/0000000000000000-0000000000000000.wal"} {
		dir := t.TempDir()
		path := filepath.Join(dir, theirs)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("etcd"), 0o600))
		before := listing(t, dir)
		_, err := Open(t.Context(), Config{Member: memberConfig(dir)})
		require.ErrorIs(t, err, ErrForeign)
		require.Equal(t, before, listing(t, dir))
	}
}

func TestUnfinishedRestoreIsRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "member"+restoring), 0o700))
	before := listing(t, dir)
	_, err := Open(t.Context(), Config{Member: memberConfig(dir)})
	require.ErrorIs(t, err, ErrUnfinishedRestore)
	require.Equal(t, before, listing(t, dir))
}

func listing(t *testing.T, dir string) (names []string) {
	require.NoError(t, filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

// run founds a member in fs, and ends it when it has published itself.
func run(t *testing.T, fs vfs.FS, c config.Config) {
	t.Helper()
	r, err := Open(t.Context(), Config{Member: c, FS: fs})
	require.NoError(t, err)
	runReplica(t, r)
	require.NoError(t, r.store.Flush())
	require.NoError(t, r.Close())
}

func TestLogThatEndsBeforeTheStateIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	c := memberConfig("/data")
	run(t, fs, c)
	old := vfs.NewMem()
	_, err := vfs.Clone(fs, old, "/data/member/log", "/log")
	require.NoError(t, err)
	run(t, fs, c)
	require.NoError(t, fs.RemoveAll("/data/member/log"))
	_, err = vfs.Clone(old, fs, "/log", "/data/member/log")
	require.NoError(t, err)
	_, err = Open(t.Context(), Config{Member: c, FS: fs})
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "the log ends at index")
}

func TestStateWithoutItsLogIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	c := memberConfig("/data")
	run(t, fs, c)
	require.NoError(t, fs.RemoveAll("/data/member/log"))
	_, err := Open(t.Context(), Config{Member: c, FS: fs})
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestStateOfAnotherClusterIsRefused(t *testing.T) {
	a, b := vfs.NewMem(), vfs.NewMem()
	ca, cb := memberConfig("/data"), memberConfig("/data")
	cb.InitialClusterToken = "another"
	run(t, a, ca)
	run(t, b, cb)
	require.NoError(t, a.RemoveAll("/data/member/state"))
	_, err := vfs.Clone(b, a, "/data/member/state", "/data/member/state")
	require.NoError(t, err)
	_, err = Open(t.Context(), Config{Member: ca, FS: a})
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "belongs to cluster")
}

func TestRestartIgnoresBootstrapFlags(t *testing.T) {
	fs := vfs.NewMem()
	c := memberConfig("/data")
	run(t, fs, c)
	c.InitialClusterToken = "another"
	r, err := Open(t.Context(), Config{Member: c, FS: fs})
	require.NoError(t, err)
	require.EqualValues(t, uint64(0xcdf818194e3a8c32), r.Cluster().ID())
	require.EqualValues(t, uint64(0x8e9e05c52164694d), r.Cluster().LocalID())
	require.NoError(t, r.Close())
}
