package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPace lets an engine be written to at different rates for ten minutes, a flush taking no time, and counts the flushes.
func TestPace(t *testing.T) {
	const quiet = 5 * time.Second
	for name, tc := range map[string]struct {
		every      time.Duration // between batches
		entries    uint64        // of each
		fewest     int           // flushes
		most       int
		volatile   uint64        // entries, at most
		volatileIn time.Duration // the longest one may be volatile, as of a look
	}{
		"never":           {every: time.Hour, entries: 1},
		"each second":     {time.Second, 1, 10 * 60 / 38, 10*60/22 + 1, 39, 39 * time.Second},
		"now and then":    {20 * time.Second, 1, 29, 30, 1, 6 * time.Second},
		"a lot":           {time.Second, 10_000, 10 * 60 / 18, 10 * 60 / 9, 180_000, 18 * time.Second},
		"more than a lot": {time.Second, 1 << 20, 10*60 - 1, 10 * 60, 1 << 20, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPace(quiet)
			begin := time.Now()
			var written, durable uint64
			var since time.Time // when something was first volatile
			flushes := 0
			for after := time.Duration(0); after < 10*time.Minute; after += time.Second {
				now := begin.Add(after)
				if after > 0 && after%tc.every == 0 {
					if written == durable {
						since = now
					}
					written += tc.entries
				}
				require.LessOrEqual(t, written-durable, tc.volatile)
				if written > durable {
					require.LessOrEqual(t, now.Sub(since), tc.volatileIn)
				}
				if p.due(now, written, durable) {
					require.Less(t, durable, written, "nothing to flush")
					p.begun(now)
					durable = written
					flushes++
				}
			}
			require.LessOrEqual(t, tc.fewest, flushes)
			require.LessOrEqual(t, flushes, tc.most)
		})
	}
}

// TestPaceAsksOnce does not ask again for what is being flushed, but for what could not be.
func TestPaceAsksOnce(t *testing.T) {
	p := newPace(time.Second)
	now := time.Now()
	require.False(t, p.due(now, 5, 0))
	now = now.Add(time.Second)
	require.True(t, p.due(now, 5, 0))
	now = now.Add(time.Second)
	require.True(t, p.due(now, 5, 0), "it was not begun")
	p.begun(now)
	for range 100 {
		now = now.Add(time.Second)
		require.False(t, p.due(now, 5, 0))
	}
	require.False(t, p.due(now, 6, 0))
	now = now.Add(time.Second)
	require.False(t, p.due(now, 6, 0), "the one under way has not ended")
	require.True(t, p.due(now, 6, 5))
}

// TestPaceAfterAFullMemtable counts from the flush of a memtable that was full, and stands a written index that is the lower one.
func TestPaceAfterAFullMemtable(t *testing.T) {
	p := newPace(time.Minute)
	now := time.Now()
	require.False(t, p.due(now, 1, 0))
	now = now.Add(p.age - time.Second)
	require.False(t, p.due(now, 1000, 900))
	now = now.Add(p.age - time.Second)
	require.False(t, p.due(now, 2000, 900))
	require.True(t, p.due(now.Add(time.Second), 3000, 900))
	require.False(t, p.due(now.Add(time.Second), 3000, 3001))
	require.False(t, p.due(now.Add(2*p.age), 3000, 3001))
}
