package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// onDisk makes a log keep no more than its last entry in memory, in segments of a few records.
var onDisk = Options{TailBytesMax: 1, segmentBytes: 300}

// replaced fills a log whose entries were replaced from the middle of a record, from its beginning, and from one of an older
// segment; the model says what it holds.
func replaced(t *testing.T, l *store) *model {
	t.Helper()
	m := &model{}
	for i, at := range []struct {
		first uint64
		n     int
	}{{1, 5}, {6, 5}, {11, 5}, {13, 4}, {13, 5}, {18, 5}, {23, 2}, {8, 3}, {11, 1}, {12, 9}, {21, 3}, {24, 3}, {25, 6}} {
		hs, es := hardStateOf(uint64(i+1), 1, 0), entries(at.first, uint64(i+1), at.n, fmt.Sprint("write ", i, strings.Repeat(".", i)))
		require.NoError(t, l.Append(hs, es, i%2 == 0))
		m.append(hs, es)
	}
	require.Greater(t, len(l.segments), 4)
	return m
}

// readsAll verifies every range of entries, and every term, against the model.
func readsAll(t *testing.T, l *store, m *model) {
	t.Helper()
	begin, last := m.begin.index, m.last()
	inMemory, ok := l.tail.first()
	require.True(t, !ok || inMemory == last)
	for lo := begin + 1; lo <= last; lo++ {
		for hi := lo + 1; hi <= last+1; hi++ {
			for _, sizeMax := range []uint64{0, 100, 300, 1 << 20} {
				got, err := l.Entries(lo, hi, sizeMax)
				require.NoError(t, err)
				want := atMost(m.entries[lo-begin-1:hi-begin-1], sizeMax)
				require.Len(t, got, len(want), "entries of [%d, %d), %d bytes", lo, hi, sizeMax)
				for i, e := range got {
					require.Equal(t, want[i].String(), e.String())
				}
			}
		}
		term, err := l.Term(lo)
		require.NoError(t, err)
		require.Equal(t, m.entries[lo-begin-1].GetTerm(), term)
	}
	_, err := l.Entries(begin, last+1, 1<<20)
	require.ErrorIs(t, err, etcdraft.ErrCompacted)
	_, err = l.Entries(last, last+2, 1<<20)
	require.ErrorIs(t, err, etcdraft.ErrUnavailable)
}

// atMost is how many entries fit in so many bytes, and at least one.
func atMost(es []*raftpb.Entry, bytes uint64) []*raftpb.Entry {
	size := uint64(0)
	for i, e := range es {
		if size += entryBytes(e); i > 0 && size > bytes {
			return es[:i]
		}
	}
	return es
}

func TestReplacedEntriesAreReadFromTheDisk(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, fs, onDisk)
	m := replaced(t, l)
	readsAll(t, l, m)
	require.NoError(t, l.Close())
	l = mustOpen(t, fs, onDisk)
	readsAll(t, l, m)

	// From the middle of a record that was replaced in part.
	require.NoError(t, l.Compact(14))
	m.begin, m.entries = begin{14, m.entries[13].GetTerm()}, m.entries[14:]
	readsAll(t, l, m)
	require.NoError(t, l.Close())
	l = mustOpen(t, fs, onDisk)
	readsAll(t, l, m)
	require.NoError(t, l.Close())
}

// What is read beside appends and compactions is right or compacted.
func TestReadsBesideAppendsAndCompactions(t *testing.T) {
	l := mustOpen(t, vfs.NewMem(), onDisk)
	var first, last atomic.Uint64
	first.Store(1)
	read := func(rng *rand.Rand) error {
		for last.Load() < 2000 {
			from, to := first.Load(), last.Load()
			if from >= to {
				continue
			}
			lo := from + rng.Uint64N(to-from)
			got, err := l.Entries(lo, to+1, rng.Uint64N(2000))
			if errors.Is(err, etcdraft.ErrCompacted) {
				continue
			}
			if err != nil {
				return err
			}
			for i, e := range got {
				if e.GetIndex() != lo+uint64(i) || string(e.GetData()) != dataOf(e.GetIndex()) {
					return fmt.Errorf("entry %d is %v", lo+uint64(i), e)
				}
			}
			if term, err := l.Term(lo); !errors.Is(err, etcdraft.ErrCompacted) && (err != nil || term != 1) {
				return fmt.Errorf("the term of %d is %d, %w", lo, term, err)
			}
		}
		return nil
	}
	var wg sync.WaitGroup
	errs := make(chan error, 3)
	for seed := range uint64(3) {
		wg.Go(func() { errs <- read(rand.New(rand.NewPCG(seed, 1))) })
	}
	for i := uint64(1); i <= 2000; i++ {
		require.NoError(t, l.Append(nil, entries(i, 1, 1, dataOf(i)), true))
		last.Store(i)
		if i%40 == 0 {
			first.Store(i - 20)
			require.NoError(t, l.Compact(i-20))
		}
	}
	wg.Wait()
	for range 3 {
		require.NoError(t, <-errs)
	}
	require.NoError(t, l.Close())
}

// Entries that are replaced under a reader's hands may be missing in what it gets; the log is not damaged by that.
func TestReadBesideAReplacement(t *testing.T) {
	for name, change := range map[string]func(l *store) error{
		"fewer entries": func(l *store) error { return l.Append(hardStateOf(2, 1, 0), entries(3, 2, 1, "new"), true) },
		"a snapshot": func(l *store) error {
			return l.Reset(&raftpb.SnapshotMetadata{Index: new(uint64(3)), Term: new(uint64(2))}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l *store
			var armed atomic.Bool
			changed := make(chan error, 1)
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == errorfs.OpFileReadAt && armed.CompareAndSwap(true, false) {
					go func() { changed <- change(l) }() // it ends when the read does
					require.Eventually(t, func() bool { last, _ := l.LastIndex(); return last == 3 }, time.Minute, time.Millisecond)
				}
				return nil
			}))
			l = mustOpen(t, fs, onDisk)
			for i := range uint64(10) {
				require.NoError(t, l.Append(hardStateOf(1, 1, 0), entries(i+1, 1, 1, dataOf(i+1)), true))
			}
			armed.Store(true)
			require.NotPanics(t, func() {
				got, err := l.Entries(5, 9, 1<<20)
				if err != nil {
					require.ErrorIs(t, err, etcdraft.ErrUnavailable)
				}
				for i, e := range got {
					require.Equal(t, dataOf(5+uint64(i)), string(e.GetData()))
				}
			})
			require.NoError(t, <-changed)
			require.NoError(t, l.Append(nil, entries(4, 2, 1, "on"), true))
			require.NoError(t, l.Close())
		})
	}
}
