package mvcc

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// entryOf is a version as the compaction tests remember it.
type entryOf struct {
	key string
	mod schema.Revision
	// dead is a deletion.
	dead bool
}

// survivors is what a compaction of all written versions leaves: per key the
// newest version up to the compact revision, unless it is a deletion before
// it, and all newer ones.
func survivors(written []entryOf, compacted int64) map[string]bool {
	newest := map[string]entryOf{}
	left := map[string]bool{}
	name := func(e entryOf) string { return fmt.Sprintf("%s@%d.%d", e.key, e.mod.Main, e.mod.Sub) }
	for _, e := range written {
		if e.mod.Main > compacted {
			left[name(e)] = true
		} else if n, ok := newest[e.key]; !ok || e.mod.Compare(n.mod) > 0 {
			newest[e.key] = e
		}
	}
	for _, e := range newest {
		if !e.dead || e.mod.Main == compacted {
			left[name(e)] = true
		}
	}
	return left
}

// physical lists what the versions table holds, and the oldest revision of
// the revisions table.
func physical(t require.TestingT, s *Store) (versions map[string]bool, oldest int64) {
	versions = map[string]bool{}
	lower, upper := schema.TableBounds(schema.TableVersions)
	it, err := s.db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	require.NoError(t, err)
	for ok := it.First(); ok; ok = it.Next() {
		key, mod, err := schema.DecodeVersionKey(it.Key())
		require.NoError(t, err)
		versions[fmt.Sprintf("%s@%d.%d", key, mod.Main, mod.Sub)] = true
	}
	it.SetBounds(schema.TableBounds(schema.TableRevisions))
	oldest = math.MaxInt64
	if it.First() {
		r, err := schema.DecodeRevisionKey(it.Key())
		require.NoError(t, err)
		oldest = r.Main
	}
	require.NoError(t, it.Close())
	return versions, oldest
}

// allEvents reads the whole history of a range from a revision on, in pages.
func allEvents(t require.TestingT, s *Store, key, end string, from int64, max int) (all []string) {
	q := EventQuery{
		Key: []byte(key), End: []byte(end), From: from, To: s.Revision(), PrevKV: true,
		MaxEvents: max, MaxBytes: math.MaxInt, MaxRows: 2 * max,
	}
	for q.From <= q.To {
		events, next, err := s.Events(context.Background(), q)
		require.NoError(t, err)
		require.Greater(t, next, q.From)
		for _, ev := range events {
			require.GreaterOrEqual(t, ev.Kv.ModRevision, q.From)
			require.Less(t, ev.Kv.ModRevision, next)
			all = append(all, showEvent(ev))
		}
		q.From = next
	}
	return all
}

// showEvent is an event as text.
func showEvent(ev *mvccpb.Event) string {
	prev := ""
	if ev.PrevKv != nil {
		prev = fmt.Sprintf(" prev %q %d.%d v%d", ev.PrevKv.Value, ev.PrevKv.CreateRevision, ev.PrevKv.ModRevision, ev.PrevKv.Version)
	}
	return fmt.Sprintf("%s %s %q %d.%d v%d%s", ev.Type, ev.Kv.Key, ev.Kv.Value, ev.Kv.CreateRevision, ev.Kv.ModRevision, ev.Kv.Version, prev)
}

// TestCompactor compacts random histories in small batches, interrupted and
// resumed, by the next compaction or before it, and checks that exactly what is
// superseded goes, and that history, hashes and counts from the compact revision
// on are what they were.
func TestCompactor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		s, err := Open(db)
		require.NoError(t, err)
		c := &committer{s: s}
		var written []entryOf
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			for range rapid.IntRange(0, 16).Draw(t, "entries") {
				c.do(t, func(w *Writer) {
					tx := w.Begin()
					for range rapid.IntRange(1, 3).Draw(t, "ops") {
						key := fmt.Appendf(nil, "k%d", rapid.IntRange(0, 3).Draw(t, "key"))
						if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
							_, err = tx.DeleteRange(key, nil, nil)
						} else {
							_, err = tx.Put(key, fmt.Appendf(nil, "%d", len(written)), 0)
						}
						require.NoError(t, err)
					}
					tx.End()
					for _, e := range w.Events() {
						written = append(written, entryOf{string(e.Key), e.Mod, e.Deletion()})
					}
				})
			}
			low := max(1, s.CompactRevision()+1)
			if s.Revision() < low {
				continue
			}
			target := rapid.Int64Range(low, s.Revision()).Draw(t, "compact")
			c.do(t, func(w *Writer) {
				require.NoError(t, w.Compact(target))
				require.ErrorIs(t, w.Compact(target), ErrCompacted)
				require.ErrorIs(t, w.Compact(w.Revision()+1), ErrFutureRevision)
			})
			// In one revision a key may change twice here, which no client can
			// do. What is superseded within the compact revision goes too, so
			// history is compared from the next one on.
			before := allEvents(t, s, "k0", "l", target+1, 3)
			hash, err := s.HashKV(context.Background(), 0)
			require.NoError(t, err)

			walk := compaction{s: s, target: target, stretchRows: rapid.IntRange(1, 8).Draw(t, "stretch")}
			scrubbed, err := s.stateRevision(schema.StateScrubbed)
			require.NoError(t, err)
			walk.from.Main = max(0, scrubbed)
			for range rapid.IntRange(0, 3).Draw(t, "batches before the interruption") {
				if !walk.finished {
					require.NoError(t, walk.batch(context.Background(), rapid.IntRange(1, 5).Draw(t, "rows")))
				}
			}
			middle, err := s.HashKV(context.Background(), 0)
			require.NoError(t, err)
			require.Equal(t, hash, middle)

			s, err = Open(db)
			require.NoError(t, err)
			c.s = s
			if rapid.Bool().Draw(t, "overtaken") {
				continue // the next compaction finds this one half done
			}
			runCompactor(t, s, rapid.IntRange(1, 5).Draw(t, "rows"), target)

			versions, oldest := physical(t, s)
			require.Equal(t, survivors(written, target), versions)
			require.GreaterOrEqual(t, oldest, target)
			require.Equal(t, before, allEvents(t, s, "k0", "l", target+1, 3))
			after, err := s.HashKV(context.Background(), 0)
			require.NoError(t, err)
			require.Equal(t, hash, after)
			_, _, err = s.Events(context.Background(), EventQuery{From: target - 1, To: s.Revision()})
			require.ErrorIs(t, err, ErrCompacted)
			_, err = s.Range(context.Background(), []byte("k"), nil, RangeOptions{Revision: target - 1})
			if target > 1 {
				require.ErrorIs(t, err, ErrCompacted)
			}
		}
	})
}

// TestCompactorRemovesOnce checks that what a batch removes is deleted, and
// counted, once.
func TestCompactorRemovesOnce(t *testing.T) {
	db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	s, err := Open(db)
	require.NoError(t, err)
	c := &committer{s: s}
	put := func(times int) {
		for range times {
			c.do(t, func(w *Writer) {
				tx := w.Begin()
				_, err := tx.Put([]byte("k"), []byte("v"), 0)
				require.NoError(t, err)
				tx.End()
			})
		}
	}
	compact := func() compaction {
		c.do(t, func(w *Writer) { require.NoError(t, w.Compact(w.Revision())) })
		scrubbed, err := s.stateRevision(schema.StateScrubbed)
		require.NoError(t, err)
		walk := compaction{s: s, target: s.Revision(), stretchRows: 6, from: schema.Revision{Main: max(0, scrubbed)}}
		for !walk.finished {
			require.NoError(t, walk.batch(context.Background(), 4))
		}
		versions, _ := physical(t, s)
		require.Len(t, versions, 1)
		return walk
	}
	put(10)
	require.Equal(t, 9, compact().removed)
	put(3)
	require.Equal(t, 3, compact().removed)
}

// runCompactor runs a compactor until it has done target.
func runCompactor(t require.TestingT, s *Store, rows int, target int64) {
	c, err := NewCompactor(s, CompactorOptions{BatchRows: rows, Pause: time.Microsecond, stretchRows: 3 * rows})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	<-c.Done(target)
	cancel()
	<-ended
	<-c.Done(target + 1) // ended: nobody waits
}

// TestCompactorRests checks that removal holds back, with a bound, and not when the next compaction waits for it.
func TestCompactorRests(t *testing.T) {
	s := newTestStore(t)
	c, err := NewCompactor(s, CompactorOptions{})
	require.NoError(t, err)
	target := s.CompactRevision()
	require.Equal(t, c.o.Pause, c.rest(time.Microsecond, target))
	require.Equal(t, 18*time.Millisecond, c.rest(2*time.Millisecond, target))
	require.Equal(t, restMax, c.rest(time.Minute, target))
	require.Equal(t, c.o.Pause, c.rest(time.Minute, target-1))
}

// TestCompactWhileNewestIsRead compacts at the newest revision, in the batch
// that makes it, while readers ask for the newest: they must never be refused.
func TestCompactWhileNewestIsRead(t *testing.T) {
	s := newTestStore(t)
	c := &committer{s: s}
	stop := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := s.Range(context.Background(), []byte("a"), []byte("b"), RangeOptions{}); err != nil {
					failed <- err
					return
				}
			}
		}
	}()
	for i := range 500 {
		c.do(t, func(w *Writer) {
			putAll(t, w, fmt.Sprintf("a%d", i))
			require.NoError(t, w.Compact(w.Revision()))
		})
	}
	close(stop)
	require.NoError(t, <-failed)
}

// TestEventsOfKey compares the two ways to read history: by key and by range.
func TestEventsOfKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, err := engine.Create("db", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		s, err := Open(db)
		require.NoError(t, err)
		c := &committer{s: s}
		for range rapid.IntRange(1, 40).Draw(t, "entries") {
			c.do(t, func(w *Writer) {
				tx := w.Begin()
				for key := range 3 {
					name := fmt.Appendf(nil, "k%d", key)
					switch rapid.IntRange(0, 3).Draw(t, "op") {
					case 0:
						_, err = tx.DeleteRange(name, nil, nil)
					case 1, 2:
						_, err = tx.Put(name, fmt.Appendf(nil, "at %d", tx.Revision()), int64(key))
					}
					require.NoError(t, err)
				}
				tx.End()
			})
		}
		if rapid.Bool().Draw(t, "compact") {
			target := rapid.Int64Range(1, s.Revision()).Draw(t, "revision")
			c.do(t, func(w *Writer) { require.NoError(t, w.Compact(target)) })
			if rapid.Bool().Draw(t, "physical") {
				runCompactor(t, s, 3, target)
			}
		}
		from := rapid.Int64Range(max(1, s.CompactRevision()), s.Revision()).Draw(t, "from")
		for i := range 3 {
			key := fmt.Sprintf("k%d", i)
			page := rapid.IntRange(1, 9).Draw(t, "page")
			require.Equal(t, allEvents(t, s, key, key+"\x00", from, 100), allEvents(t, s, key, "", from, page))
		}
		// Every event's previous value is what Previous says.
		for q := from; q <= s.Revision(); q++ {
			events, _, err := s.Events(context.Background(), EventQuery{
				Key: []byte("k"), End: []byte("l"), From: q, To: q, PrevKV: true, MaxEvents: 100, MaxBytes: math.MaxInt, MaxRows: 100,
			})
			require.NoError(t, err)
			for _, ev := range events {
				want, err := s.Previous(ev.Kv.Key, q)
				require.NoError(t, err)
				require.Equal(t, want.String(), ev.PrevKv.String())
			}
		}
	})
}
