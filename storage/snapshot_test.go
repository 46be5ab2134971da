package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/snapshot"
	"github.com/petcd/petcd/storage/watch"
)

// openStore opens a store in memory.
func openStore(t testing.TB, fs vfs.FS, dir string) *storage.Store {
	t.Helper()
	s, err := storage.Open(dir, storage.Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	return s
}

// put writes keys, each in a revision and an entry of its own.
func put(t testing.TB, s *storage.Store, keys ...string) {
	t.Helper()
	index, _ := s.Applied()
	b := s.NewBatch()
	for _, k := range keys {
		tx := b.Begin()
		require.NoError(t, tx.Put([]byte(k), []byte("value of "+k), 0))
		tx.End()
		index++
	}
	require.NoError(t, b.Commit(index, 7))
}

// keys lists the live keys.
func keys(t testing.TB, s *storage.Store) (all []string) {
	t.Helper()
	r, err := s.Range(context.Background(), []byte{0}, []byte{0}, storage.RangeOptions{})
	require.NoError(t, err)
	for _, kv := range r.KVs {
		all = append(all, string(kv.Key))
	}
	require.Equal(t, int64(len(all)), r.Count)
	return all
}

// archive is a snapshot as a stream.
func archive(t testing.TB, s *storage.Store) []byte {
	t.Helper()
	sn, err := s.Snapshot()
	require.NoError(t, err)
	var b bytes.Buffer
	n, err := sn.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, sn.Size(), n)
	require.Equal(t, int64(b.Len()), n)
	require.NoError(t, sn.Close())
	return b.Bytes()
}

// TestSnapshot carries a state into another store, whose watchers go on.
func TestSnapshot(t *testing.T) {
	fs := vfs.NewMem()
	leader := openStore(t, fs, "leader")
	defer func() { require.NoError(t, leader.Close()) }()
	follower := openStore(t, fs, "follower")
	put(t, leader, "a", "b")
	put(t, follower, "a", "b")

	ctx := context.Background()
	g := follower.NewWatchGroup()
	defer g.Close()
	_, err := g.Watch(1, []byte("a"), []byte{0}, 0, watch.Options{PrevKV: true})
	require.NoError(t, err)
	_, err = g.Watch(2, []byte("a"), nil, 2, watch.Options{})
	require.NoError(t, err)
	d, err := g.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(2), d.ID)

	put(t, leader, "c", "a")
	b := archive(t, leader)
	status, err := snapshot.Inspect(bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, uint64(4), status.Index)
	require.Equal(t, uint64(7), status.Term)
	require.Equal(t, int64(5), status.Revision)
	require.Equal(t, int64(3), status.Keys)
	require.Equal(t, int64(len(b)), status.Size)

	name, err := follower.StageSnapshot(bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, keys(t, follower))
	require.NoError(t, follower.InstallSnapshot(name))
	require.Equal(t, []string{"a", "b", "c"}, keys(t, follower))
	index, term := follower.Applied()
	require.Equal(t, []uint64{4, 7}, []uint64{index, term})
	require.Equal(t, uint64(4), follower.DurableApplied())

	put(t, leader, "d")
	put(t, follower, "d")
	var got []string
	for len(got) < 4 {
		d, err := g.Next(ctx)
		require.NoError(t, err)
		require.Zero(t, d.CompactRevision)
		for _, ev := range d.Events {
			prev := ""
			if ev.PrevKv != nil {
				prev = fmt.Sprint(" was ", ev.PrevKv.ModRevision)
			}
			got = append(got, fmt.Sprintf("%d: %s %d%s", d.ID, ev.Kv.Key, ev.Kv.ModRevision, prev))
		}
	}
	require.ElementsMatch(t, []string{"1: c 4", "1: a 5 was 2", "2: a 5", "1: d 6"}, got)
	for _, revision := range []int64{0, 2, 5} {
		h1, _, _, _, err := leader.HashKV(t.Context(), revision)
		require.NoError(t, err)
		h2, _, _, _, err := follower.HashKV(t.Context(), revision)
		require.NoError(t, err)
		require.Equal(t, h1, h2)
	}
	require.NoError(t, follower.Flush())
	require.NoError(t, follower.Close())
	follower = openStore(t, fs, "follower")
	require.Equal(t, []string{"a", "b", "c", "d"}, keys(t, follower))
	require.NoError(t, follower.Close())
}

// TestSnapshotLeavesNothing shows that neither a snapshot, a staged one nor a
// damaged one leaves files behind.
func TestSnapshotLeavesNothing(t *testing.T) {
	fs := vfs.NewMem()
	s := openStore(t, fs, "data")
	defer func() { require.NoError(t, s.Close()) }()
	put(t, s, "a")
	before, err := fs.List("data")
	require.NoError(t, err)
	b := archive(t, s)
	name, err := s.StageSnapshot(bytes.NewReader(b))
	require.NoError(t, err)
	require.NoError(t, s.DropStaged(name))
	b[len(b)/2] ^= 1
	_, err = s.StageSnapshot(bytes.NewReader(b))
	require.ErrorIs(t, err, snapshot.ErrCorrupt)
	_, err = s.StageSnapshot(bytes.NewReader(nil))
	require.ErrorIs(t, err, snapshot.ErrForeign)
	after, err := fs.List("data")
	require.NoError(t, err)
	require.ElementsMatch(t, before, after)
	for _, name := range []string{"engine-000001", "stage-/../x", ""} {
		require.Error(t, s.InstallSnapshot(name))
		require.Error(t, s.DropStaged(name))
	}
}
