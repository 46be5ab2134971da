package mvcc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/engine"
)

// TestHeadCacheIsBounded lets batches of all sizes read heads: after each,
// there are no more than the cache promises to keep.
func TestHeadCacheIsBounded(t *testing.T) {
	db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	const most = 10
	c := newHeadCache(most)
	last := 0
	for _, batch := range []int{1, 9, 1, 15, 9, 20, 21, 3, 500, 1, 10} {
		for range batch {
			last++
			_, err := c.get(db, fmt.Appendf(nil, "k%d", last))
			require.NoError(t, err)
		}
		c.turn()
		require.LessOrEqual(t, len(c.young)+len(c.old), 3*most)
	}
}

// TestWholeHeadCache writes and deletes keys at random, more and fewer than a cache takes, and opens the store again now and
// then: whatever the cache holds, a transaction sees the keys that a naive twin has.
func TestWholeHeadCache(t *testing.T) {
	fs := vfs.NewMem()
	db, err := engine.Create("db", engine.Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	const most = 16
	var s *Store
	twin := map[string]int64{} // versions
	filled, lost := 0, 0
	for index := range 3000 {
		if index%100 == 0 {
			s, err = Open(db)
			require.NoError(t, err)
			s.heads = newHeadCache(most)
			require.NoError(t, s.heads.fill(db))
			require.Equal(t, len(twin) <= most, s.heads.whole)
		}
		whole := s.heads.whole
		b := db.NewBatch()
		w := s.NewWriter(b)
		for range 1 + random.IntN(4) {
			// Phases of few keys and of many.
			key := fmt.Appendf(nil, "k%02d", random.IntN(10+70*(index/500%2)))
			tx := w.Begin()
			before, err := tx.Head(key)
			require.NoError(t, err)
			require.Equal(t, twin[string(key)], before.Version)
			if random.IntN(3) > 0 {
				_, err = tx.Put(key, []byte("v"), 0)
				twin[string(key)]++
			} else {
				_, err = tx.DeleteRange(key, nil, nil)
				delete(twin, string(key))
			}
			require.NoError(t, err)
			tx.End()
		}
		if random.IntN(20) == 0 { // what was not committed never was
			require.NoError(t, w.Close())
			twin = versions(t, s)
			continue
		}
		require.NoError(t, w.Commit(uint64(index+1), 1))
		if s.heads.whole {
			filled++
			require.LessOrEqual(t, len(s.heads.young), 2*most)
		} else if whole {
			lost++
		}
	}
	require.NotZero(t, filled)
	require.NotZero(t, lost)
}

// versions reads the version of every live key.
func versions(t *testing.T, s *Store) map[string]int64 {
	r, err := s.Range(t.Context(), []byte("k"), []byte("l"), RangeOptions{})
	require.NoError(t, err)
	m := map[string]int64{}
	for _, kv := range r.KVs {
		m[string(kv.Key)] = kv.Version
	}
	return m
}
