package storage_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/storagetest"
)

// randomLog draws n entries.
func randomLog(rng *rand.Rand, n int) []storagetest.Entry {
	log := make([]storagetest.Entry, n)
	for i := range log {
		log[i] = storagetest.RandomEntry(rng)
	}
	return log
}

// applyLog applies the entries after from in random batches and notes the
// index of each commit.
func applyLog(t *testing.T, s *storage.Store, log []storagetest.Entry, from uint64, rng *rand.Rand, commits map[uint64]bool) {
	t.Helper()
	m := storagetest.Replay(log, from)
	for index := from; index < uint64(len(log)); {
		b := s.NewBatch()
		for range 1 + rng.IntN(20) {
			if index < uint64(len(log)) {
				storagetest.Apply(t, b, m, log[index])
				index++
			}
		}
		require.NoError(t, b.Commit(index, 1))
		commits[index] = true
	}
}

// archiveOf returns a snapshot of the state after a log.
func archiveOf(t *testing.T, log []storagetest.Entry, rng *rand.Rand) []byte {
	t.Helper()
	s, err := storage.Open("leader", storage.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	applyLog(t, s, log, 0, rng, map[uint64]bool{})
	sn, err := s.Snapshot()
	require.NoError(t, err)
	require.Equal(t, uint64(len(log)), sn.Index)
	var archive bytes.Buffer
	_, err = sn.WriteTo(&archive)
	require.NoError(t, err)
	require.NoError(t, sn.Close())
	require.NoError(t, s.Close())
	return archive.Bytes()
}

// TestInstallCrash crashes a store while it takes over a state that is ahead
// of its own: what is left is one of the two, whole.
func TestInstallCrash(t *testing.T) {
	for range max(1, trials()/4) {
		seed := *crashSeed
		if seed == 0 {
			seed = rand.Uint64()
		}
		t.Logf("-crash.seed=%d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		log := randomLog(rng, 400)
		ahead, behind := 300, uint64(rng.IntN(100))
		archive := archiveOf(t, log[:ahead], rng)

		fs := storagetest.NewCrashFS(rand.New(rand.NewPCG(seed, 1)), 10+rng.IntN(30), 10)
		s, err := storage.Open("data", storage.Options{FS: fs, FlushInterval: -1, MemTableBytes: 64 << 10})
		require.NoError(t, err)
		fs.SetPromise(s.DurableApplied)
		commits := map[uint64]bool{0: true, uint64(ahead): true}
		applyLog(t, s, log[:behind], 0, rng, commits)
		name, err := s.StageSnapshot(bytes.NewReader(archive))
		require.NoError(t, err)
		fs.CrashNow()
		require.NoError(t, s.InstallSnapshot(name))
		require.Equal(t, uint64(ahead), s.DurableApplied())
		storagetest.Compare(t, s, storagetest.Replay(log, uint64(ahead)), rng)
		fs.CrashNow()
		applyLog(t, s, log, uint64(ahead), rng, commits)
		fs.CrashNow()
		fs.SetPromise(nil)
		require.NoError(t, s.Close())
		for _, c := range fs.Crashes() {
			checkCrash(t, c, log, commits, rng)
		}
	}
}

// TestInstallWhileReading installs a snapshot while a stream is open: the
// stream ends on the state it began on.
func TestInstallWhileReading(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	log := randomLog(rng, 300)
	archive := archiveOf(t, log, rng)
	fs := vfs.NewMem()
	s, err := storage.Open("data", storage.Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	b := s.NewBatch()
	tx := b.Begin()
	for i := range 100 {
		require.NoError(t, tx.Put(benchKey(i), benchValue(i), 0))
	}
	tx.End()
	require.NoError(t, b.Commit(1, 1))

	name, err := s.StageSnapshot(bytes.NewReader(archive))
	require.NoError(t, err)
	var got int
	r, err := s.Stream(context.Background(), []byte{0}, []byte{0}, storage.RangeOptions{}, 1, func(kvs []*mvccpb.KeyValue) error {
		if got == 0 {
			require.NoError(t, s.InstallSnapshot(name))
		}
		for _, kv := range kvs {
			require.Equal(t, int64(2), kv.ModRevision)
		}
		got += len(kvs)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 100, got)
	require.Equal(t, int64(2), r.Revision)
	storagetest.Compare(t, s, storagetest.Replay(log, uint64(len(log))), rng)

	require.ErrorContains(t, s.InstallSnapshot("../elsewhere"), "not the name")
	require.Error(t, s.InstallSnapshot("stage-999"))
	require.NoError(t, s.Close())
	names, err := fs.List("data")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"CURRENT-STATE", "LOCK", "engine-000002"}, names)
}
