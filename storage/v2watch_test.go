package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/storagetest"
	"github.com/petcd/petcd/storage/v2store"
)

// v2Watch is a watch of a store and the model's.
type v2Watch struct {
	got  *v2store.Watcher
	want *storagetest.V2Watch
	read int
}

// drain requires that the store's has what the model's has got since the last time.
func (w *v2Watch) drain(t require.TestingT) {
	storagetest.RequireV2Events(t, w.got, w.want.Events[w.read:])
	w.read = len(w.want.Events)
}

// TestV2WatchModel makes random changes under watches that begin at any time, of
// the past, from now on, or of the future, some of them read late.
func TestV2WatchModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapidSource{t}
		s, err := storage.Open("data", storage.Options{FS: vfs.NewMem(), FlushInterval: -1})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		m := storagetest.NewModel()
		var watches []*v2Watch
		index := uint64(0)
		for range 2 + src.IntN(12) {
			for range src.IntN(4) {
				path, recursive, stream := storagetest.RandomV2Path(src), src.IntN(2) == 0, src.IntN(3) > 0
				since := uint64(0)
				if src.IntN(2) == 0 {
					since = uint64(src.IntN(int(m.V2.Index) + 4))
				}
				want, wantErr := m.V2.Watch(path, recursive, stream, since)
				got, err := s.V2Watch(path, recursive, stream, since)
				require.NoError(t, errors.Join(wantErr, err))
				watches = append(watches, &v2Watch{got: got, want: want})
			}
			var entries []storagetest.Entry
			for range 1 + src.IntN(8) {
				entries = append(entries, storagetest.RandomV2Entry(src))
			}
			index += uint64(len(entries))
			commit(t, s, m, index, entries)
			for _, w := range watches {
				if src.IntN(2) == 0 {
					w.drain(t)
				}
			}
		}
		for _, w := range watches {
			w.drain(t)
			w.got.Close()
		}
		require.Zero(t, s.V2Stats().Watchers)
	})
}

// TestV2WatchFallsOut shows the bound of the history: a watcher that was left
// behind by more events than are kept ends, one that waits for something else
// does not.
func TestV2WatchFallsOut(t *testing.T) {
	s := openV2(t, vfs.NewMem())
	defer s.Close()
	behind, err := s.V2Watch("/1/busy", false, true, 0)
	require.NoError(t, err)
	quiet, err := s.V2Watch("/1/quiet", false, true, 0)
	require.NoError(t, err)
	for i := range schema.V2EventsKept + 1 {
		s.set("/1/busy", fmt.Sprint(i))
	}
	last := s.set("/1/quiet", "")
	_, err = behind.Next(context.Background())
	var refused *v2store.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, v2store.Error{
		Code: v2store.CodeIndexCleared, Cause: "the requested history has been cleared [3/1]", Index: last.Index,
	}, *refused)
	storagetest.RequireV2Events(t, quiet, []*v2store.Event{last})
	require.EqualValues(t, 1, s.V2Stats().Watchers)

	_, err = s.V2Watch("/1/busy", false, false, 2)
	require.ErrorAs(t, err, &refused)
	oldest, err := s.V2Watch("/1/busy", false, false, 3)
	require.NoError(t, err)
	e, err := oldest.Next(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 3, e.Node.ModifiedIndex)
}

// TestV2HistoryBeyondMemory makes events that memory cannot hold: they come from
// their records.
func TestV2HistoryBeyondMemory(t *testing.T) {
	s := openV2(t, vfs.NewMem())
	defer s.Close()
	w, err := s.V2Watch("/1/large", false, true, 0)
	require.NoError(t, err)
	value := string(make([]byte, 1<<20))
	for i := range 40 {
		s.set("/1/large", fmt.Sprint(i)+value)
	}
	for i := range 40 {
		e, err := w.Next(context.Background())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i)+value, *e.Node.Value)
		require.EqualValues(t, i+1, e.Index)
	}
}

func TestV2WatchEnds(t *testing.T) {
	s := openV2(t, vfs.NewMem())
	closed, err := s.V2Watch("/1", true, true, 0)
	require.NoError(t, err)
	open, err := s.V2Watch("/1", true, true, 0)
	require.NoError(t, err)
	ended := make(chan error)
	for _, w := range []*v2store.Watcher{closed, open} {
		go func() {
			_, err := w.Next(context.Background())
			ended <- err
		}()
	}
	closed.Close()
	require.ErrorIs(t, <-ended, v2store.ErrWatchEnded)
	require.EqualValues(t, 1, s.V2Stats().Watchers)
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-ended, v2store.ErrWatchEnded)
	_, err = s.V2Watch("/1", true, true, 0)
	require.ErrorIs(t, err, v2store.ErrWatchEnded)
}
