package storage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/storagetest"
	"github.com/petcd/petcd/storage/watch"
)

// compact compacts as an entry of its own.
func compact(t testing.TB, s *storage.Store, revision int64) (done <-chan struct{}) {
	t.Helper()
	index, _ := s.Applied()
	b := s.NewBatch()
	done, err := b.Compact(revision)
	require.NoError(t, err)
	require.NoError(t, b.Commit(index+1, 7))
	return done
}

// TestCompact compacts physically and shows what readers and watchers get.
func TestCompact(t *testing.T) {
	s := openStore(t, vfs.NewMem(), "data")
	defer func() { require.NoError(t, s.Close()) }()
	put(t, s, "a", "b", "a", "c") // revisions 2 to 5
	index, _ := s.Applied()
	b := s.NewBatch()
	tx := b.Begin()
	_, err := tx.DeleteRange([]byte("b"), nil)
	require.NoError(t, err)
	require.Equal(t, int64(6), tx.End())
	require.NoError(t, b.Commit(index+1, 7))
	put(t, s, "a")
	<-compact(t, s, 6)

	b = s.NewBatch()
	done, err := b.Compact(6)
	require.ErrorIs(t, err, mvcc.ErrCompacted)
	<-done
	_, err = b.Compact(100)
	require.ErrorIs(t, err, mvcc.ErrFutureRevision)
	require.NoError(t, b.Close())

	ctx := t.Context()
	_, err = s.Range(ctx, []byte("a"), nil, storage.RangeOptions{Revision: 5})
	require.ErrorIs(t, err, mvcc.ErrCompacted)
	r, err := s.Range(ctx, []byte("a"), []byte("z"), storage.RangeOptions{Revision: 6})
	require.NoError(t, err)
	require.Len(t, r.KVs, 2)

	// A watch may start at the compact revision, where the deletion still is,
	// and not before it.
	g := s.NewWatchGroup()
	defer g.Close()
	for id, start := range []int64{6, 5} {
		_, err := g.Watch(int64(id), []byte("a"), []byte("z"), start, watch.Options{PrevKV: true})
		require.NoError(t, err)
	}
	for range 2 {
		d, err := g.Next(ctx)
		require.NoError(t, err)
		if d.ID == 1 {
			require.Equal(t, &watch.Delivery{ID: 1, Revision: 7, CompactRevision: 6}, d)
			continue
		}
		require.Len(t, d.Events, 2)
		require.Equal(t, "b", string(d.Events[0].Kv.Key))
		require.Equal(t, int64(6), d.Events[0].Kv.ModRevision)
		require.Nil(t, d.Events[0].PrevKv, "compacted")
		require.Equal(t, int64(4), d.Events[1].PrevKv.ModRevision)
	}
}

// TestCompactCrash crashes in the middle of compactions that come in many small
// batches: every image opens, has the right state and hash, and finishes.
func TestCompactCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	options := storage.Options{FlushInterval: -1, MemTableBytes: 64 << 10, CompactionBatchRows: 3, CompactionPause: time.Microsecond}
	images := 0
	for trial := range 12 {
		fs := storagetest.NewCrashFS(rand.New(rand.NewPCG(seed, 3+uint64(trial))), 4, 30)
		o := options
		o.FS = fs
		s, err := storage.Open("data", o)
		require.NoError(t, err)
		var names []string
		hashes := map[uint64]uint32{}
		for round := range 10 {
			names = names[:0]
			for range 20 {
				names = append(names, fmt.Sprintf("k%d", rng.IntN(12)))
			}
			put(t, s, names...)
			done := compact(t, s, s.Revision()-rng.Int64N(10))
			index, _ := s.Applied()
			hashes[index], _, _, _, err = s.HashKV(t.Context(), 0)
			require.NoError(t, err)
			if round%2 == 0 {
				require.NoError(t, s.Flush())
				<-done
			}
			require.NoError(t, s.Flush())
		}
		require.NoError(t, s.Close())
		for _, c := range fs.Crashes() {
			o := options
			o.FS = c.FS
			s, err := storage.Open("data", o)
			require.NoError(t, err)
			index, _ := s.Applied()
			compacted := s.CompactRevision()
			for range 2 { // as it was left, and when removal has ended
				if want, ok := hashes[index]; ok {
					images++
					hash, _, _, _, err := s.HashKV(t.Context(), 0)
					require.NoError(t, err)
					require.Equal(t, want, hash)
				}
				r, err := s.Range(context.Background(), []byte("k"), []byte("l"), storage.RangeOptions{Revision: compacted})
				require.NoError(t, err)
				require.Equal(t, int64(len(r.KVs)), r.Count)
				b := s.NewBatch()
				if done, _ := b.Compact(compacted); done != nil {
					<-done
				}
				require.NoError(t, b.Close())
			}
			require.NoError(t, s.Close())
		}
	}
	require.Positive(t, images)
}
