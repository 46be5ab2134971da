package replica

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft"
)

// Raft looks through what it takes for not applied yet before it stands for election, and learns late what is applied: entries that it
// does not know to be applied must stay, though the state has them. (It stopped with ErrInvariant; the simulation found it.)
func TestTheLogKeepsWhatRaftTakesForNotApplied(t *testing.T) {
	c := memberConfig("/data")
	c.SnapshotCount, c.SnapshotCatchUpEntries = 1, 1
	r, err := Open(t.Context(), Config{Member: c, FS: vfs.NewMem()})
	require.NoError(t, err)
	d, err := r.Drive()
	require.NoError(t, err)
	defer func() {
		d.Stop()
		require.NoError(t, r.Close())
	}()
	for w := d.Waiting(); w != (raft.Waiting{}); w = d.Waiting() {
		require.NoError(t, d.Pass())
		require.NoError(t, d.WriteLog())
		require.NoError(t, d.Apply())
	}
	data, err := proto.Marshal(putRequest("k", 10))
	require.NoError(t, err)
	for range 5 {
		require.True(t, r.node.TryPropose(data, nil))
	}
	before := r.applied.index.Load()
	require.NoError(t, d.Pass())
	require.NoError(t, d.WriteLog())
	require.NoError(t, d.Pass())
	require.NoError(t, d.Apply())
	require.GreaterOrEqual(t, r.applied.index.Load(), before+5)
	require.NoError(t, r.store.Flush())
	require.NoError(t, r.keeper.compact(r.log))
	first, err := r.log.FirstIndex()
	require.NoError(t, err)
	require.LessOrEqual(t, first-1, r.node.Status().Applied)
}
