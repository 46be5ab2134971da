package replica

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// TestLogKeepsWhatTheStateCouldLose shortens the log while most of what is applied is only in memory.
func TestLogKeepsWhatTheStateCouldLose(t *testing.T) {
	c := memberConfig("/data")
	c.SnapshotCatchUpEntries = 1
	r, err := Open(t.Context(), Config{Member: c, FS: vfs.NewMem()})
	require.NoError(t, err)
	stop := start(t, r)
	for range 20 {
		_, err := r.Propose(t.Context(), putRequest("key", 10))
		require.NoError(t, err)
	}
	require.NoError(t, newLogKeeper(r, 0).compact(r.log))
	first, err := r.log.FirstIndex()
	require.NoError(t, err)
	require.LessOrEqual(t, first, r.store.DurableApplied()+1)

	require.NoError(t, r.store.Flush())
	require.NoError(t, newLogKeeper(r, 0).compact(r.log))
	first, err = r.log.FirstIndex()
	require.NoError(t, err)
	require.Greater(t, first, uint64(20), "what is durable, and far enough behind, goes")
	stop()
	require.NoError(t, r.Close())
}
