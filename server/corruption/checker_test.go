package corruption

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// stored is a replica that has nothing but a store.
type stored struct {
	Replica
	store *storage.Store
}

// Store implements Replica.
func (s stored) Store() *storage.Store { return s.store }

func TestAHashEndsInTime(t *testing.T) {
	s, err := storage.Open("state", storage.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	b := s.NewBatch()
	tx := b.Begin()
	for i := range 5000 {
		require.NoError(t, tx.Put(fmt.Appendf(nil, "key%04d", i), []byte("value"), 0))
	}
	tx.End()
	require.NoError(t, b.Commit(1, 1))
	c := New(Config{Replica: stored{store: s}})
	_, err = c.local(t.Context(), 0)
	require.NoError(t, err)
	c.hashMax = 0
	_, err = c.local(t.Context(), 0)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
