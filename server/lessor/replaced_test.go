package lessor

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// withState is a fake replica that has a state.
type withState struct {
	*fake
	store *storage.Store
}

// Store implements Replica.
func (w withState) Store() *storage.Store { return w.store }

// TestASnapshotReplacesAllLeases gives a leader's clock a state with other leases than it counts.
func TestASnapshotReplacesAllLeases(t *testing.T) {
	s, err := storage.Open("state", storage.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	defer s.Close()
	b := s.NewBatch()
	require.NoError(t, b.LeaseGrant(2, 60))
	require.NoError(t, b.Commit(1, 1))

	l := New(Config{})
	l.replica = withState{newFake(), s}
	l.promote()
	l.Granted(1, 60)
	l.Granted(2, 10)
	gone := l.leases[1]
	l.Replaced()
	require.Len(t, l.leases, 1)
	require.Len(t, l.queue, 1)
	require.Equal(t, seconds(60), l.leases[2].ttl)
	select {
	case <-gone.ended:
	default:
		require.FailNow(t, "who waits for its end is not told")
	}
}
