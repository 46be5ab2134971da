package storage_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
)

// smallDatabase is a database of etcd with a few rows and a lease.
func smallDatabase(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.db")
	w, err := etcddb.Create(path)
	require.NoError(t, err)
	for i := range int64(20) {
		kv, err := etcddb.EncodeKV([]byte{'a' + byte(i%5)}, i+2, i%5+2, i/5+1, 7*(i%2), []byte("value"))
		require.NoError(t, err)
		require.NoError(t, w.PutRow(i+2, 0, false, kv))
	}
	require.NoError(t, w.PutLease(etcddb.Lease{ID: 7, TTL: 60}))
	require.NoError(t, w.PutCompacted(4))
	require.NoError(t, w.Finish())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// TestFromDatabaseOfRestored takes a database that etcd's own restore has raised the revision of: a row without a key stands
// for it, and what it compacts is not done yet.
func TestFromDatabaseOfRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raised.db")
	w, err := etcddb.Create(path)
	require.NoError(t, err)
	kv, err := etcddb.EncodeKV([]byte("a"), 2, 2, 1, 9, []byte("value"))
	require.NoError(t, err)
	require.NoError(t, w.PutRow(2, 0, false, kv))
	require.NoError(t, w.PutRow(1002, 0, false, nil))
	require.NoError(t, w.PutCompacted(1002))
	require.NoError(t, w.Finish())
	s := restored(t, storage.FromDatabase(openDatabase(t, path)), nothing)
	defer func() { require.NoError(t, s.Close()) }()
	require.EqualValues(t, 1002, s.Revision())
	require.EqualValues(t, 1002, s.CompactRevision())
	require.Equal(t, []string{"a"}, keys(t, s))
	// Its lease is gone; one of that id that is granted later holds nothing.
	b := s.NewBatch()
	require.NoError(t, b.LeaseGrant(9, 60))
	require.NoError(t, b.Commit(1, 1))
	info, _, err := s.Lease(9)
	require.NoError(t, err)
	require.Empty(t, info.Keys)
	put(t, s, "b")
	require.EqualValues(t, 1003, s.Revision())
}

// FuzzFromDatabase fills from damaged databases: an engine, or an error and nothing left of it.
func FuzzFromDatabase(f *testing.F) {
	whole := smallDatabase(f)
	f.Add(uint32(0), []byte("x"))
	f.Add(uint32(len(whole)-100), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := bytes.Clone(whole)
		copy(b[int(at)%len(b):], patch)
		db, err := etcddb.New(bytes.NewReader(b), int64(len(b)))
		if err != nil || db.Rows(func(*etcddb.Row) error { return nil }) != nil {
			return // the reader's own fuzz target is etcddb's
		}
		fs := vfs.NewMem()
		o := storage.Options{FS: fs, FlushInterval: -1, MemTableBytes: 64 << 10, CacheBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)}
		err = storage.FromDatabase(db)("", "filled", o)
		names, lerr := fs.List("")
		require.NoError(t, lerr)
		require.Equal(t, err == nil, len(names) == 1, "%v: %v", err, names)
	})
}
