package storage_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/v2store"
)

// TestV2Concurrent reads and watches beside writes: a read never mixes two
// batches, nor shows a node newer than the index it comes with, and a watcher
// misses nothing.
func TestV2Concurrent(t *testing.T) {
	const rounds = 300
	s := openV2(t, vfs.NewMem())
	defer s.Close()
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		w, err := s.V2Watch("/1/d", true, true, 0)
		require.NoError(t, err)
		all.Go(func() {
			defer w.Close()
			for want := uint64(1); want <= 2*rounds; want++ {
				e, err := w.Next(t.Context())
				if err != nil || e.Node.ModifiedIndex != want {
					t.Errorf("event %v instead of %d: %v", e, want, err)
					return
				}
			}
		})
		all.Go(func() {
			var seen uint64
			for {
				select {
				case <-done:
					return
				default:
				}
				seen = readBoth(t, s, seen)
			}
		})
	}
	for i := range rounds {
		b := s.NewBatch()
		for _, name := range []string{"a", "b"} {
			_, err := b.V2().Do(v2store.Set, &v2store.Request{Path: "/1/d/" + name, Value: fmt.Sprint(i), Now: 1})
			require.NoError(t, err)
		}
		require.NoError(t, b.Commit(uint64(i+1), 1))
	}
	close(done)
	all.Wait()
}

// readBoth reads the directory and a file of it, and returns the index.
func readBoth(t *testing.T, s *v2Tree, seen uint64) uint64 {
	dir, err := s.V2Get("/1/d", true, v2Time)
	var refused *v2store.Error
	if errors.As(err, &refused) {
		return refused.Index
	}
	if err != nil || len(dir.Node.Nodes) != 2 || *dir.Node.Nodes[0].Value != *dir.Node.Nodes[1].Value ||
		dir.Node.Nodes[1].ModifiedIndex != dir.Index || dir.Index < seen {
		t.Errorf("read %v: %v", dir, err)
		return seen
	}
	file, err := s.V2Get("/1/d/b", false, v2Time)
	if err != nil || file.Node.ModifiedIndex != file.Index || file.Index < dir.Index {
		t.Errorf("read %v: %v", file, err)
		return seen
	}
	return file.Index
}
