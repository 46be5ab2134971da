package backup_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
)

// etcdSnapshot is one that etcd 3.7.3 saved.
const etcdSnapshot = "../etcdutl/testdata/etcd-3.7.3.db"

// file writes a file to be restored.
func file(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// tryRestore restores a file into a new directory and requires that nothing is left of it on error.
func tryRestore(t *testing.T, content []byte, change func(*backup.RestoreConfig)) error {
	t.Helper()
	parent := t.TempDir()
	cfg := backup.RestoreConfig{
		Path: file(t, content), Name: "m0", DataDir: filepath.Join(parent, "data"), WALDir: filepath.Join(parent, "wal"),
		InitialCluster: "m0=http://127.0.0.1:1", Token: "x", PeerURLs: []string{"http://127.0.0.1:1"},
		Logger: slog.New(slog.DiscardHandler),
	}
	change(&cfg)
	err := backup.Restore(t.Context(), cfg)
	names, rerr := os.ReadDir(parent)
	require.NoError(t, rerr)
	if err != nil {
		require.Empty(t, names, "%v", err)
	} else {
		require.Len(t, names, 2)
	}
	return err
}

// archive is a snapshot of petcd's with a key in it.
func archive(t *testing.T) []byte {
	t.Helper()
	s, err := storage.Open("data", storage.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	b := s.NewBatch()
	tx := b.Begin()
	require.NoError(t, tx.Put([]byte("key"), bytes.Repeat([]byte("value"), 100), 0))
	tx.End()
	require.NoError(t, b.Commit(1, 1))
	sn, err := s.Snapshot()
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = sn.WriteTo(&out)
	require.NoError(t, err)
	require.NoError(t, sn.Close())
	require.NoError(t, s.Close())
	return out.Bytes()
}

// TestForeignFiles says what is wrong with them.
func TestForeignFiles(t *testing.T) {
	for _, content := range []string{"", "x", "root:x:0:0:root:/root:/bin/bash\n", string(make([]byte, 1<<16))} {
		require.ErrorIs(t, tryRestore(t, []byte(content), asItIs), backup.ErrUnknown)
		_, err := backup.ReadStatus(file(t, []byte(content)), nil)
		require.ErrorIs(t, err, backup.ErrUnknown)
		_, err = backup.Convert(file(t, []byte(content)), filepath.Join(t.TempDir(), "to"), nil)
		require.ErrorIs(t, err, backup.ErrUnknown)
	}
	_, err := backup.ReadStatus(t.TempDir(), nil)
	require.ErrorIs(t, err, backup.ErrUnknown)
	database, err := os.ReadFile(etcdSnapshot)
	require.NoError(t, err)
	_, err = backup.Convert(file(t, database), filepath.Join(t.TempDir(), "to"), nil)
	require.ErrorIs(t, err, backup.ErrDatabase)
}

// TestConversionInPlace would leave nothing to go back to when it fails, nor a snapshot of petcd when it does not.
func TestConversionInPlace(t *testing.T) {
	whole := archive(t)
	path := file(t, whole)
	link := path + "-link"
	require.NoError(t, os.Symlink(path, link))
	for _, to := range []string{path, link} {
		_, err := backup.Convert(path, to, nil)
		require.ErrorIs(t, err, backup.ErrSameFile)
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, whole, after)
}

// TestSums are asked for as etcd's tools ask for them.
func TestSums(t *testing.T) {
	whole, err := os.ReadFile(etcdSnapshot)
	require.NoError(t, err)
	skip := func(c *backup.RestoreConfig) { c.SkipHashCheck = true }
	require.NoError(t, tryRestore(t, whole, asItIs))
	bare := whole[:len(whole)-32]
	require.EqualError(t, tryRestore(t, bare, asItIs), "snapshot missing hash but --skip-hash-check=false")
	require.NoError(t, tryRestore(t, bare, skip))
	wrong := bytes.Clone(whole)
	wrong[len(wrong)-1] ^= 1
	require.ErrorIs(t, tryRestore(t, wrong, asItIs), etcddb.ErrSum)
	require.NoError(t, tryRestore(t, wrong, skip))
	// An archive proves itself: there is nothing to skip.
	mine := archive(t)
	require.NoError(t, tryRestore(t, mine, asItIs))
	mine[len(mine)/2] ^= 1
	require.Error(t, tryRestore(t, mine, skip))
}

// TestDamagedFiles end in an error or, where what is damaged is of no account, in a data directory; never in a panic.
func TestDamagedFiles(t *testing.T) {
	database, err := os.ReadFile(etcdSnapshot)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for i := range 40 {
		whole := bytes.Clone([][]byte{database, archive(t)}[i%2])
		if rng.IntN(4) == 0 {
			whole = whole[:rng.IntN(len(whole))]
		}
		for range 1 + rng.IntN(20) {
			if len(whole) > 0 {
				whole[rng.IntN(len(whole))] ^= 1 << rng.IntN(8)
			}
		}
		if tryRestore(t, whole, func(c *backup.RestoreConfig) { c.SkipHashCheck = true }) != nil {
			refused++
		}
	}
	require.Greater(t, refused, 20) // every archive, at least
}

// TestNewerVersion is refused: what it wrote may mean something that is not known here.
func TestNewerVersion(t *testing.T) {
	for bucket, key := range map[string]string{
		etcddb.BucketMeta:    etcddb.MetaStorageVersion,
		etcddb.BucketCluster: etcddb.ClusterVersion,
	} {
		path := filepath.Join(t.TempDir(), "newer.db")
		w, err := etcddb.Create(path)
		require.NoError(t, err)
		require.NoError(t, w.Put(bucket, []byte(key), []byte("3.8.0")))
		require.NoError(t, w.Finish())
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.ErrorIs(t, tryRestore(t, b, asItIs), backup.ErrNewer)
	}
}

// TestFullDirectories are left alone.
func TestFullDirectories(t *testing.T) {
	whole := archive(t)
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "mine"), []byte("x"), 0o600))
	require.ErrorContains(t, tryRestore(t, whole, func(c *backup.RestoreConfig) { c.DataDir = full }), "not empty")
	require.ErrorContains(t, tryRestore(t, whole, func(c *backup.RestoreConfig) { c.WALDir = full }), "exists")
	require.FileExists(t, filepath.Join(full, "mine"))
	left := filepath.Join(t.TempDir(), "wal.restoring") // of a restore that was killed, or somebody's own
	require.NoError(t, os.Mkdir(left, 0o700))
	onTopOf := func(c *backup.RestoreConfig) { c.WALDir = strings.TrimSuffix(left, ".restoring") + "/" }
	require.ErrorContains(t, tryRestore(t, whole, onTopOf), left+"\" exists")
	require.DirExists(t, left)
	// An empty one is taken, and stays when the restore fails: it may be a mounted volume.
	empty := t.TempDir()
	require.Error(t, tryRestore(t, whole[:len(whole)-5], func(c *backup.RestoreConfig) { c.DataDir = empty }))
	names, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, names)
}
