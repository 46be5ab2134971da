package mvcc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// newTestStore opens a fresh store in memory.
func newTestStore(t testing.TB) *Store {
	t.Helper()
	db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s, err := Open(db)
	require.NoError(t, err)
	return s
}

// committer commits batches under rising indexes.
type committer struct {
	s     *Store
	index uint64
}

func (c *committer) do(t require.TestingT, fn func(w *Writer)) {
	w := c.s.NewWriter(c.s.db.NewBatch())
	fn(w)
	c.index++
	require.NoError(t, w.Commit(c.index, 1))
}

// put writes keys in one revision.
func (c *committer) put(t require.TestingT, keys ...string) {
	c.do(t, func(w *Writer) { putAll(t, w, keys...) })
}

func putAll(t require.TestingT, w *Writer, keys ...string) {
	tx := w.Begin()
	for _, k := range keys {
		_, err := tx.Put([]byte(k), []byte("value of "+k), 0)
		require.NoError(t, err)
	}
	tx.End()
}

// countOf is the count of a range as a read gives it.
func countOf(t require.TestingT, s *Store, key, end string, revision int64) int64 {
	r, err := s.Range(context.Background(), []byte(key), []byte(end), RangeOptions{Revision: revision, CountOnly: true})
	require.NoError(t, err)
	return r.Count
}

func genBound(t *rapid.T) string {
	if rapid.IntRange(0, 9).Draw(t, "edge") == 0 {
		return rapid.SampledFrom([]string{"\x00", "k", "l"}).Draw(t, "bound")
	}
	return fmt.Sprintf("k%05d", rapid.IntRange(0, 6000).Draw(t, "at"))
}

// TestCountModel compares counts of any range at any revision with naive ones
// while keys come and go in stretches, history is compacted, and the store is
// opened anew.
func TestCountModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		s, err := Open(db)
		require.NoError(t, err)
		c := &committer{s: s}
		live := map[string]bool{}
		at := map[int64][]string{1: nil} // live keys by revision

		check := func(read func(key, end []byte, o RangeOptions) (*RangeResult, error), newest int64) {
			for range 3 {
				key, end := genBound(t), genBound(t)
				revision := rapid.Int64Range(max(1, s.CompactRevision()), newest).Draw(t, "revision")
				if rapid.Bool().Draw(t, "newest") {
					revision = newest
				}
				var want int64
				for _, k := range at[revision] {
					if schema.InRange([]byte(k), []byte(key), []byte(end)) {
						want++
					}
				}
				r, err := read([]byte(key), []byte(end), RangeOptions{Revision: revision, CountOnly: true})
				require.NoError(t, err)
				require.Equal(t, want, r.Count, "[%q, %q) at %d of %d", key, end, revision, newest)
			}
		}
		read := func(key, end []byte, o RangeOptions) (*RangeResult, error) {
			return c.s.Range(context.Background(), key, end, o)
		}
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			w := c.s.NewWriter(db.NewBatch())
			for range rapid.IntRange(0, 4).Draw(t, "entries") {
				tx := w.Begin()
				from := rapid.IntRange(0, 6000).Draw(t, "from")
				n := rapid.IntRange(0, 1500).Draw(t, "length")
				if rapid.IntRange(0, 2).Draw(t, "kind") > 0 {
					step := rapid.IntRange(1, 3).Draw(t, "step")
					for i := range n {
						k := fmt.Sprintf("k%05d", from+i*step)
						_, err := tx.Put([]byte(k), []byte("v"), 0)
						require.NoError(t, err)
						live[k] = true
					}
				} else {
					lo, hi := fmt.Sprintf("k%05d", from), fmt.Sprintf("k%05d", from+n)
					_, err := tx.DeleteRange([]byte(lo), []byte(hi), nil)
					require.NoError(t, err)
					maps.DeleteFunc(live, func(k string, _ bool) bool { return k >= lo && k < hi })
				}
				at[tx.Revision()] = slices.Collect(maps.Keys(live))
				check(func(key, end []byte, o RangeOptions) (*RangeResult, error) {
					return tx.Range(context.Background(), key, end, o)
				}, tx.Revision())
				tx.End()
			}
			c.index++
			require.NoError(t, w.Commit(c.index, 1))
			check(read, c.s.Revision())
			if rapid.IntRange(0, 3).Draw(t, "reopen") == 0 {
				c.s, err = Open(db)
				require.NoError(t, err)
				s = c.s
			}
		}
		check(read, c.s.Revision())
	})
}

// TestCountWhileWriting reads counts from several goroutines while another
// writes: every read must be exact for the revision it was taken at.
func TestCountWhileWriting(t *testing.T) {
	s := newTestStore(t)
	c := &committer{s: s}
	// Revision r adds the key r-2 for even r and removes the half of it for
	// odd r, so that the count follows from the revision.
	want := func(r int64) int64 { return 500*(r/2) - 250*((r-1)/2) }
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := s.Range(context.Background(), []byte("k"), []byte("l"), RangeOptions{CountOnly: true})
				if err != nil || r.Count != want(r.Revision) {
					t.Errorf("count %d at revision %d, want %d, error %v", r.Count, r.Revision, want(r.Revision), err)
					return
				}
				old := max(1, r.Revision-20)
				if r, err := s.Range(context.Background(), []byte("k"), []byte("l"), RangeOptions{CountOnly: true, Revision: old}); err != nil || r.Count != want(old) {
					t.Errorf("count %d at old revision %d, want %d, error %v", r.Count, old, want(old), err)
					return
				}
			}
		})
	}
	for i := range 100 {
		c.do(t, func(w *Writer) {
			var keys []string
			for j := range 500 {
				keys = append(keys, fmt.Sprintf("k%04d/%03d", i, j))
			}
			putAll(t, w, keys...)
			tx := w.Begin()
			_, err := tx.DeleteRange([]byte(keys[0]), []byte(keys[250]), nil)
			require.NoError(t, err)
			tx.End()
		})
	}
	close(stop)
	wg.Wait()
	require.Equal(t, want(s.Revision()), countOf(t, s, "k", "l", 0))
}

// TestPastCounts shows that counts are kept as history grows, that their
// number is bounded, and that they answer.
func TestPastCounts(t *testing.T) {
	s := newTestStore(t)
	c := &committer{s: s}
	const perBatch = 200
	for i := range 3 * pastEvery / perBatch {
		c.do(t, func(w *Writer) {
			for j := range perBatch {
				putAll(t, w, fmt.Sprintf("k%06d", i*perBatch+j))
			}
		})
	}
	p := s.published.Load()
	require.NotEmpty(t, p.past.kept)
	for _, k := range p.past.kept {
		require.Equal(t, k.revision-1, k.counts.Total())
		require.Equal(t, k.revision-1+100, countOf(t, s, "a", "z", k.revision+100))
		require.Equal(t, k.revision-1-100, countOf(t, s, "a", "z", k.revision-100))
	}
	for i := range int64(4 * pastMax) {
		p = p.next(counted{p.revision + i, p.counts}, p.past.every, 0)
		require.LessOrEqual(t, len(p.past.kept), pastMax)
	}
	require.Empty(t, p.next(counted{p.revision + 1, p.counts}, p.past.every, p.revision+1).past.kept[1:])
}

// TestCountAfterLimit counts with the iterator that has just read a page.
func TestCountAfterLimit(t *testing.T) {
	s := newTestStore(t)
	c := &committer{s: s}
	for _, key := range []string{"a", "b", "c", ""} {
		c.put(t, key)
		for _, revision := range []int64{0, 2} {
			r, err := s.Range(context.Background(), []byte{0}, []byte{0}, RangeOptions{Limit: 1, Revision: revision})
			require.NoError(t, err)
			want := int64(1)
			if revision == 0 {
				want = s.Revision() - 1
				if key == "" {
					want-- // the empty key lies before
				}
			}
			require.Equal(t, want, r.Count)
		}
	}
}
