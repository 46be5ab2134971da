package regressions

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/storagetest"
)

// crashing is a file system that keeps images of crashes: before one in every so many operations that change it, and on demand.
func crashing(t *testing.T, every, images int) *storagetest.CrashFS {
	seed := rand.Uint64()
	t.Logf("crashes of seed %d", seed)
	return storagetest.NewCrashFS(rand.New(rand.NewPCG(seed, 0)), every, images)
}

// requireEntriesOnce opens what each crash left and applies the entries again that it says to lack. All of n entries put "k" and
// nothing else: its version then tells whether one was applied twice, or not at all.
func requireEntriesOnce(t *testing.T, fs *storagetest.CrashFS, n int64) {
	t.Helper()
	require.NotEmpty(t, fs.Crashes())
	for _, c := range fs.Crashes() {
		m := newMember(t, c.FS, storage.Options{})
		require.GreaterOrEqual(t, m.index, c.Promise, "what was said to be durable")
		require.EqualValues(t, m.index+1, m.store.Revision(), "each entry made a revision")
		for int64(m.index) < n {
			m.put("k")
		}
		r, err := m.store.Range(t.Context(), []byte("k"), nil, storage.RangeOptions{})
		require.NoError(t, err)
		require.Equal(t, n, r.KVs[0].Version)
	}
}

// etcd wrote the index of the newest applied entry apart from what the entry changed. A crash between the two under load left
// a member that skipped entries, or applied some twice: its revision and its data were not the others' from then on. The
// promise: after a crash the state is exactly that of the index it names.
func TestEtcd13766(t *testing.T) {
	fs := crashing(t, 1, 0)
	m := newMember(t, fs, storage.Options{})
	// The state reaches the disk at any moment of an entry, and a crash follows.
	crashed := make(chan error, 1)
	go func() {
		for range 60 {
			if err := m.store.Flush(); err != nil {
				crashed <- err
				return
			}
			fs.CrashNow()
		}
		crashed <- nil
	}()
	for entries := int64(0); ; {
		m.put("k")
		entries++
		select {
		case err := <-crashed:
			require.NoError(t, err)
			requireEntriesOnce(t, fs, entries)
			return
		default:
		}
	}
}

// etcd's defragmentation copied the database to a new file without all of the state's own records, and a crash in it left one
// that was older than it said. The promise: a crash while space is given back loses nothing that was durable.
func TestEtcd14685(t *testing.T) {
	fs := crashing(t, 4, 200)
	m := newMember(t, fs, storage.Options{MemTableBytes: 64 << 10})
	fs.SetPromise(m.store.DurableApplied)
	const rounds, each = 5, 100
	for range rounds {
		for range each {
			m.put("k")
		}
		fs.CrashNow()
		require.NoError(t, m.store.Defragment(t.Context()))
		fs.CrashNow()
	}
	fs.SetPromise(nil)
	requireEntriesOnce(t, fs, rounds*each)
}

// etcd took the newest revision of its rows for the current one. A compaction that a crash interrupted had removed the deletion
// which was the newest row, so that the revision went back and was given out again for something else. The promise: no
// revision is used twice.
func TestEtcd17780(t *testing.T) {
	fs := crashing(t, 4, 40)
	m := newMember(t, fs, storage.Options{CompactionBatchRows: 1, CompactionPause: time.Microsecond})
	revisions := map[uint64]int64{} // after each entry
	for round := range 8 {
		for i := range 5 {
			m.put(fmt.Sprint("k", i))
			revisions[m.index] = m.store.Revision()
			m.del(fmt.Sprint("k", i))
			revisions[m.index] = m.store.Revision()
		}
		at := m.store.Revision() - int64(round%3)
		revisions[m.index+1] = m.store.Revision()
		m.compact(at)
		require.NoError(t, m.store.Flush())
		fs.CrashNow()
	}
	for _, c := range fs.Crashes() {
		after := newMember(t, c.FS, storage.Options{})
		if after.index == 0 {
			continue
		}
		require.Equal(t, revisions[after.index], after.store.Revision(), "after entry %d", after.index)
		after.must(&pb.InternalRaftRequest{Put: putRequest("new")})
		require.Equal(t, revisions[after.index-1]+1, after.store.Revision())
	}
}
