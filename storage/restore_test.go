package storage_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
	"github.com/petcd/petcd/storage/storagetest"
)

// history applies random entries to a new store, and to the model.
func history(t require.TestingT, fs vfs.FS, src storagetest.Source, batches int) (*storage.Store, *storagetest.Model) {
	s, err := storage.Open("data", storage.Options{FS: fs, FlushInterval: -1, MemTableBytes: 256 << 10})
	require.NoError(t, err)
	m := storagetest.NewModel()
	for i := range batches {
		b := s.NewBatch()
		for range 1 + src.IntN(8) {
			storagetest.Apply(t, b, m, storagetest.RandomEntry(src))
		}
		require.NoError(t, b.Commit(uint64(i+1), 1))
	}
	return s, m
}

// saved is a store's archive.
func saved(t require.TestingT, s *storage.Store) []byte {
	sn, err := s.Snapshot()
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = sn.WriteTo(&b)
	require.NoError(t, err)
	require.NoError(t, sn.Close())
	return b.Bytes()
}

// database turns an archive into a database of etcd.
func database(t require.TestingT, archive []byte, path string) *etcddb.File {
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("temp", 0o700))
	from, err := storage.OpenSaved("temp", storage.Options{FS: fs}, storage.FromArchive(bytes.NewReader(archive)))
	require.NoError(t, err)
	w, err := etcddb.Create(path)
	require.NoError(t, err)
	require.NoError(t, from.WriteRows(w))
	for _, l := range from.Leases() {
		require.NoError(t, w.PutLease(etcddb.Lease{ID: l.ID, TTL: l.TTL, Remaining: l.Remaining}))
	}
	if r := from.CompactRevision(); r >= 0 {
		require.NoError(t, w.PutCompacted(r))
	}
	require.NoError(t, w.Finish())
	require.NoError(t, from.Close())
	names, err := fs.List("temp")
	require.NoError(t, err)
	require.Empty(t, names)
	f := openDatabase(t, path)
	require.NoError(t, f.VerifySum())
	return f
}

// openDatabase reads a file into memory and opens it as a database of etcd.
func openDatabase(t require.TestingT, path string) *etcddb.File {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := etcddb.New(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return f
}

// restored opens what Restore makes of a filling.
func restored(t require.TestingT, fill storage.Filling, edit func(*storage.Edit) error) *storage.Store {
	fs := vfs.NewMem()
	require.NoError(t, storage.Restore("restored", storage.Options{FS: fs}, fill, edit))
	s, err := storage.Open("restored", storage.Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	return s
}

// nothing edits nothing.
func nothing(*storage.Edit) error { return nil }

// requireEqualHashes compares HashKV at every revision that both have.
func requireEqualHashes(t require.TestingT, want, got *storage.Store) {
	require.Equal(t, want.Revision(), got.Revision())
	require.Equal(t, want.CompactRevision(), got.CompactRevision())
	require.Equal(t, want.Keys(), got.Keys())
	for r := max(1, want.CompactRevision()); r <= want.Revision(); r++ {
		w, _, _, _, err := want.HashKV(context.Background(), r)
		require.NoError(t, err)
		g, _, _, _, err := got.HashKV(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, w, g, "revision %d", r)
	}
}

// TestRestoreModel carries random histories through an archive, and through a
// database of etcd, and compares every answer with the naive model's.
func TestRestoreModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Logf("seed %d", seed)
		src := rand.New(rand.NewPCG(seed, 0))
		s, m := history(t, vfs.NewMem(), src, 1+src.IntN(12))
		archive := saved(t, s)

		direct := restored(t, storage.FromArchive(bytes.NewReader(archive)), nothing)
		storagetest.Compare(t, direct, m, src)
		requireEqualHashes(t, s, direct)
		require.NoError(t, direct.Close())

		f := database(t, archive, filepath.Join(t.TempDir(), "etcd.db"))
		status, err := f.Status()
		require.NoError(t, err)
		require.EqualValues(t, s.Keys(), status.Keys)
		converted := restored(t, storage.FromDatabase(f), nothing)
		m.V2 = storagetest.NewV2Model() // the database has no v2 tree
		storagetest.Compare(t, converted, m, src)
		requireEqualHashes(t, s, converted)
		require.NoError(t, errors.Join(converted.Close(), s.Close()))
	}
}

// TestRestoreBump raises the revision: all before it is compacted, what lives
// stays, and the next write goes on from there.
func TestRestoreBump(t *testing.T) {
	s, _ := history(t, vfs.NewMem(), rand.New(rand.NewPCG(1, 2)), 50)
	defer func() { require.NoError(t, s.Close()) }()
	before, keys := s.Revision(), s.Keys()
	got := restored(t, storage.FromArchive(bytes.NewReader(saved(t, s))), func(e *storage.Edit) error {
		e.SetApplied(3, 1)
		return e.Bump(1_000_000_000)
	})
	defer func() { require.NoError(t, got.Close()) }()
	require.Equal(t, before+1_000_000_000, got.Revision())
	require.Equal(t, got.Revision(), got.CompactRevision())
	require.Equal(t, keys, got.Keys())
	index, term := got.Applied()
	require.Equal(t, []uint64{3, 1}, []uint64{index, term})
	put(t, got, "next")
	require.Equal(t, before+1_000_000_001, got.Revision())

	err := storage.Restore("x", storage.Options{FS: vfs.NewMem()}, storage.FromArchive(bytes.NewReader(saved(t, s))),
		func(e *storage.Edit) error { return e.Bump(1<<63 - 1) })
	require.ErrorContains(t, err, "cannot be bumped")
}

// TestRestoreRefuses leaves no state behind when the file is damaged, the edit
// fails or the folder is not new.
func TestRestoreRefuses(t *testing.T) {
	s, _ := history(t, vfs.NewMem(), rand.New(rand.NewPCG(3, 4)), 20)
	defer func() { require.NoError(t, s.Close()) }()
	whole := saved(t, s)
	rng := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		damaged := bytes.Clone(whole)
		if rng.IntN(2) == 0 {
			damaged = damaged[:rng.IntN(len(whole))]
		} else {
			damaged[rng.IntN(len(whole))] ^= 1 << rng.IntN(8)
		}
		fs := vfs.NewMem()
		require.Error(t, storage.Restore("r", storage.Options{FS: fs}, storage.FromArchive(bytes.NewReader(damaged)), nothing))
		names, err := fs.List("r")
		require.NoError(t, err)
		require.Equal(t, []string{"LOCK"}, names)
	}
	failed := errors.New("no")
	fs := vfs.NewMem()
	edit := func(*storage.Edit) error { return failed }
	require.ErrorIs(t, storage.Restore("r", storage.Options{FS: fs}, storage.FromArchive(bytes.NewReader(whole)), edit), failed)
	require.NoError(t, fs.MkdirAll("full/x", 0o700))
	require.ErrorContains(t, storage.Restore("full", storage.Options{FS: fs}, storage.FromArchive(bytes.NewReader(whole)), nothing), "x is there")
}
