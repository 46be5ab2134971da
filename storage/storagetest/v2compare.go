package storagetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// compareV2 requires that the v2 tree of a store is the model's.
func compareV2(t require.TestingT, s *storage.Store, m *V2Model, src Source) {
	require.Equal(t, m.Index, s.V2Index())
	for range 3 {
		compareV2Get(t, s, m, RandomV2Path(src), src.IntN(2) == 0)
		compareV2Watch(t, s, m, RandomV2Path(src), src.IntN(2) == 0, src.IntN(2) == 0, uint64(src.IntN(int(m.Index)+2)))
	}
	compareV2Get(t, s, m, "/", true)
	compareV2Watch(t, s, m, "/", true, true, 1)
	next, ok, err := s.V2NextExpiry()
	require.NoError(t, err)
	soonest := int64(0)
	m.root.each("/", func(_ string, n *v2Node) {
		if n.expiration != 0 && (soonest == 0 || n.expiration < soonest) {
			soonest = n.expiration
		}
	})
	require.Equal(t, soonest != 0, ok)
	if ok {
		require.Equal(t, soonest, next.UnixNano())
	}
}

// compareV2Get compares one read.
func compareV2Get(t require.TestingT, s *storage.Store, m *V2Model, path string, recursive bool) {
	want, wantErr := m.Get(path, recursive, v2Epoch)
	got, err := s.V2Get(path, recursive, v2Epoch)
	require.Equal(t, answerOf(want, wantErr), answerOf(got, err), "%s", path)
}

// compareV2Watch compares what a watch that begins now finds in the past.
func compareV2Watch(t require.TestingT, s *storage.Store, m *V2Model, path string, recursive, stream bool, since uint64) {
	want, wantErr := m.Watch(path, recursive, stream, since)
	got, err := s.V2Watch(path, recursive, stream, since)
	require.Equal(t, answerOf(nil, wantErr), answerOf(nil, err), "watch %s since %d", path, since)
	if err != nil {
		return
	}
	defer got.Close()
	require.Equal(t, m.Index, got.StartIndex())
	RequireV2Events(t, got, want.Events)
	m.watchers = m.watchers[:len(m.watchers)-1]
}

// RequireV2Events requires that a watcher has these events now, and no more.
func RequireV2Events(t require.TestingT, w *v2store.Watcher, want []*v2store.Event) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for _, e := range want {
		got, err := w.Next(now)
		require.NoError(t, err, "instead of event %d", e.Index)
		require.Equal(t, e, got)
	}
	_, err := w.Next(now)
	require.Error(t, err)
}
