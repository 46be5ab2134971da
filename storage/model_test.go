package storage_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/storagetest"
)

// rapidSource draws from rapid, so that failures shrink.
type rapidSource struct{ t *rapid.T }

// IntN implements storagetest.Source.
func (s rapidSource) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "n") }

// TestModel applies random entries in random batches, with flushes and
// restarts between them, and compares every answer with the naive model's.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapidSource{t}
		fs := vfs.NewMem()
		o := storage.Options{FS: fs, FlushInterval: -1, MemTableBytes: 256 << 10}
		s, err := storage.Open("data", o)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		m := storagetest.NewModel()
		index := uint64(0)
		for range 1 + src.IntN(8) {
			var entries []storagetest.Entry
			for range 1 + src.IntN(8) {
				entries = append(entries, storagetest.RandomEntry(src))
			}
			index += uint64(len(entries))
			commit(t, s, m, index, entries)
			switch src.IntN(4) {
			case 0:
				require.NoError(t, s.Flush())
			case 1:
				require.NoError(t, s.Flush())
				require.NoError(t, s.Close())
				s, err = storage.Open("data", o)
				require.NoError(t, err)
			}
			applied, term := s.Applied()
			require.Equal(t, index, applied)
			require.Equal(t, uint64(1), term)
			storagetest.Compare(t, s, m, src)
		}
	})
}

// commit applies entries in one batch to a store and a model. The batch ends also when they differ, or closing the store
// would wait for it.
func commit(t require.TestingT, s *storage.Store, m *storagetest.Model, index uint64, entries []storagetest.Entry) {
	b, committed := s.NewBatch(), false
	defer func() {
		if !committed {
			b.Close()
		}
	}()
	for _, e := range entries {
		storagetest.Apply(t, b, m, e)
	}
	committed = true
	require.NoError(t, b.Commit(index, 1))
}
