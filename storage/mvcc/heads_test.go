package mvcc

import (
	"fmt"
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
