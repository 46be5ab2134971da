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

// TestWholeHeadCache writes and deletes keys, in turns few of them, many that soon go again, and more than a cache takes, and opens
// the store again now and then: whatever the cache holds, a transaction sees the keys that a naive twin has.
func TestWholeHeadCache(t *testing.T) {
	const most = 16
	var whole, pruned, lost int // batches after which the cache was whole, of them those that made it smaller, and those that ended it
	for seed := range uint64(5) {
		db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(seed, 0))
		var s *Store
		twin := map[string]int64{} // versions
		for batch := range 600 {
			phase := batch / 100 % 3
			if batch%50 == 0 {
				s, err = Open(db)
				require.NoError(t, err)
				s.heads = newHeadCache(most)
				require.NoError(t, s.LoadHeads())
				require.Equal(t, len(twin) <= most, s.heads.whole)
			}
			before, young := s.heads.whole, len(s.heads.young)
			w := s.NewWriter(db.NewBatch())
			if phase == 1 && batch%100 == 0 {
				deleteAll(t, w)
				clear(twin)
			}
			for range 1 + random.IntN(4) {
				key := fmt.Appendf(nil, "k%03d", random.IntN([]int{10, 100, 100}[phase]))
				tx := w.Begin()
				head, err := tx.Head(key)
				require.NoError(t, err)
				require.Equal(t, twin[string(key)], head.Version)
				_, err = tx.Put(key, []byte("v"), 0)
				require.NoError(t, err)
				twin[string(key)]++
				tx.End()
				if phase == 1 || phase == 0 && random.IntN(3) == 0 {
					tx := w.Begin()
					_, err = tx.DeleteRange(key, nil, nil)
					require.NoError(t, err)
					delete(twin, string(key))
					tx.End()
				}
			}
			if random.IntN([]int{20, 200, 200}[phase]) == 0 { // what was not committed never was
				require.NoError(t, w.Close())
				twin = versions(t, s)
				continue
			}
			require.NoError(t, w.Commit(uint64(batch+1), 1))
			switch {
			case s.heads.whole:
				whole++
				require.LessOrEqual(t, len(s.heads.young), 2*most)
				if len(s.heads.young) < young {
					pruned++
				}
			case before:
				lost++
			}
		}
		require.NoError(t, db.Close())
	}
	require.NotZero(t, whole)
	require.NotZero(t, pruned)
	require.NotZero(t, lost)
}

// deleteAll deletes every key.
func deleteAll(t *testing.T, w *Writer) {
	tx := w.Begin()
	_, err := tx.DeleteRange([]byte("k"), []byte("l"), nil)
	require.NoError(t, err)
	tx.End()
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
