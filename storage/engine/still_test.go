package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
)

// TestStillEngineKeepsItsTables: every flush leaves a table in the first level, where two are due for a compaction.
func TestStillEngineKeepsItsTables(t *testing.T) {
	const flushes = 8
	db, err := Create("state", Options{FS: vfs.NewMem(), FlushInterval: -1, Still: true})
	require.NoError(t, err)
	for i := range uint64(flushes) {
		b := db.NewBatch()
		require.NoError(t, b.SetApplied(schema.Applied{Index: i + 1, Term: 1, Revision: 1}))
		require.NoError(t, b.Commit())
		require.NoError(t, db.Flush())
	}
	require.EqualValues(t, flushes, db.Metrics().Levels[0].TablesCount)
	require.Zero(t, db.Metrics().Compact.Count)
	require.NoError(t, db.Compact(t.Context()), "when it is asked for")
	require.Zero(t, db.Metrics().Levels[0].TablesCount)
	require.NoError(t, db.Close())
}
