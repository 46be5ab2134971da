package replica

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClosedSnapshotIsLeftAlone closes one in the middle of being sent: what it was read from is gone then, so nobody
// reads it any more.
func TestClosedSnapshotIsLeftAlone(t *testing.T) {
	r := open(t)
	stop := start(t, r)
	_, err := r.Propose(t.Context(), putRequest("key", 1<<20))
	require.NoError(t, err)
	before, err := r.cfg.FS.List(r.dir.state)
	require.NoError(t, err)
	_, state, err := snapshots{r}.Open()
	require.NoError(t, err)
	_, err = io.ReadFull(state, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, state.Close())
	require.NoError(t, state.Close())
	after, err := r.cfg.FS.List(r.dir.state)
	require.NoError(t, err)
	require.ElementsMatch(t, before, after)
	stop()
	require.NoError(t, r.Close())
}
