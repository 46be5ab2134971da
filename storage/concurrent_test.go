package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
)

// TestReadersSeeWholeRevisions lets readers run beside an apply loop that
// writes all keys anew in every transaction, deletes and creates one, and
// compacts. A reader must see all keys as of one revision, at any revision it
// is answered for.
func TestReadersSeeWholeRevisions(t *testing.T) {
	const keys, rounds = 20, 400
	s, err := storage.Open("data", storage.Options{FS: vfs.NewMem(), FlushInterval: -1, MemTableBytes: 128 << 10})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	write := func(index uint64) {
		b := s.NewBatch()
		tx := b.Begin()
		for i := range keys {
			require.NoError(t, tx.Put(fmt.Appendf(nil, "k%03d", i), fmt.Appendf(nil, "%d", tx.Revision()), 0))
		}
		// One key more in every other revision.
		extra := []byte("k999")
		if index%2 == 0 {
			_, err = tx.DeleteRange(extra, nil)
			require.NoError(t, err)
		} else {
			require.NoError(t, tx.Put(extra, nil, 0))
		}
		revision := tx.End()
		if index%25 == 0 {
			_, err := b.Compact(revision - 20)
			require.NoError(t, err)
		}
		require.NoError(t, b.Commit(index, 1))
	}
	write(1)

	ctx, cancel := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(r), 0))
			for ctx.Err() == nil {
				checkWholeRevision(t, s, rng, keys)
				checkNewest(t, s)
			}
		})
	}
	for i := uint64(2); i < rounds; i++ {
		write(i)
		if i%100 == 0 {
			require.NoError(t, s.Flush())
		}
	}
	cancel()
	readers.Wait()
}

// checkNewest reads keys one by one, the same ones again and again, and requires that each is of the newest revision.
func checkNewest(t *testing.T, s *storage.Store) {
	for range 10 {
		always, err := s.Range(context.Background(), []byte("k003"), nil, storage.RangeOptions{})
		if err != nil || always.Count != 1 || always.KVs[0].ModRevision != always.Revision ||
			string(always.KVs[0].Key) != "k003" || string(always.KVs[0].Value) == "" {
			t.Errorf("read %+v: %v", always, err)
		}
		extra, err := s.Range(context.Background(), []byte("k999"), nil, storage.RangeOptions{})
		if err != nil || extra.Count != (extra.Revision+1)%2 || int64(len(extra.KVs)) != extra.Count ||
			extra.Count == 1 && extra.KVs[0].ModRevision != extra.Revision {
			t.Errorf("read %+v: %v", extra, err)
		}
	}
}

// checkWholeRevision reads all keys in one of several ways and requires that
// all of them are of the revision that was read.
func checkWholeRevision(t *testing.T, s *storage.Store, rng *rand.Rand, keys int64) {
	o := storage.RangeOptions{KeysOnly: rng.IntN(2) == 0}
	if rng.IntN(2) == 0 {
		o.Revision = max(2, s.Revision()-int64(rng.IntN(30)))
	}
	if rng.IntN(3) == 0 {
		o.Limit = 5
	}
	r, err := s.Range(context.Background(), []byte("k"), []byte("l"), o)
	if o.Revision != 0 && errors.Is(err, mvcc.ErrCompacted) {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	at := r.Revision
	if o.Revision != 0 {
		at = o.Revision
	}
	// The first write, of index 1, made revision 2 with the extra key.
	want := keys + (at+1)%2
	if r.Count != want {
		t.Errorf("count %d at revision %d, want %d (%+v)", r.Count, at, want, o)
	}
	if o.Limit == 0 && int64(len(r.KVs)) != want || o.Limit != 0 && (int64(len(r.KVs)) != o.Limit || !r.More) {
		t.Errorf("%d keys at revision %d (%+v)", len(r.KVs), at, o)
	}
	for _, kv := range r.KVs {
		if kv.ModRevision != at {
			t.Errorf("key %s of revision %d in a read at %d (%+v)", kv.Key, kv.ModRevision, at, o)
			return
		}
	}
}
