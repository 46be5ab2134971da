package storage_test

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// v2Time is the clock of these tests.
var v2Time = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// v2Tree makes changes of a store, one a batch.
type v2Tree struct {
	*storage.Store
	t     *testing.T
	index uint64
}

// openV2 opens a store in memory.
func openV2(t *testing.T, fs vfs.FS) *v2Tree {
	s, err := storage.Open("data", storage.Options{FS: fs, FlushInterval: -1})
	require.NoError(t, err)
	index, _ := s.Applied()
	return &v2Tree{Store: s, t: t, index: index}
}

// do makes one change in a batch of its own.
func (v *v2Tree) do(a v2store.Action, r v2store.Request) (*v2store.Event, error) {
	v.t.Helper()
	if r.Now == 0 {
		r.Now = v2Time.UnixNano()
	}
	b := v.NewBatch()
	e, refused := b.V2().Do(a, &r)
	v.index++
	require.NoError(v.t, b.Commit(v.index, 1))
	return e, refused
}

// set sets a file.
func (v *v2Tree) set(path, value string) *v2store.Event {
	v.t.Helper()
	e, err := v.do(v2store.Set, v2store.Request{Path: path, Value: value})
	require.NoError(v.t, err)
	return e
}

// expire ends what has expired at a time, at most max nodes.
func (v *v2Tree) expire(at time.Time, max int) int {
	b := v.NewBatch()
	n, err := b.V2().Expire(at.UnixNano(), max)
	require.NoError(v.t, err)
	v.index++
	require.NoError(v.t, b.Commit(v.index, 1))
	return n
}

func TestV2SetIsSeenAndWatched(t *testing.T) {
	s := openV2(t, vfs.NewMem())
	defer s.Close()
	w, err := s.V2Watch("/1/a", true, false, 0)
	require.NoError(t, err)
	first := s.set("/1/a/b", "one")
	require.True(t, first.Created())
	second := s.set("/1/a/b", "two")
	require.Equal(t, "one", *second.PrevNode.Value)
	got, err := s.V2Get("/1/a", false, v2Time)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Index)
	require.Len(t, got.Node.Nodes, 1)
	require.Equal(t, "two", *got.Node.Nodes[0].Value)
	e, err := w.Next(context.Background())
	require.NoError(t, err)
	require.Equal(t, first, e)
	_, err = w.Next(context.Background())
	require.ErrorIs(t, err, v2store.ErrWatchEnded)
	require.Zero(t, s.V2Stats().Watchers)
}

func TestV2SurvivesARestart(t *testing.T) {
	fs := vfs.NewMem()
	s := openV2(t, fs)
	s.set("/1/a", "one")
	_, err := s.do(v2store.Set, v2store.Request{Path: "/1/b", Value: "two", Expiration: v2Time.Add(time.Second).UnixNano()})
	require.NoError(t, err)
	require.NoError(t, s.Flush())
	require.NoError(t, s.Close())

	s = openV2(t, fs)
	defer s.Close()
	require.EqualValues(t, 2, s.V2Index())
	next, ok, err := s.V2NextExpiry()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, v2Time.Add(time.Second).UnixNano(), next.UnixNano())
	w, err := s.V2Watch("/1/b", false, false, 1)
	require.NoError(t, err)
	e, err := w.Next(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 2, e.Node.ModifiedIndex)
	require.EqualValues(t, 1, e.Node.TTL)
	require.Equal(t, 1, s.expire(next, 10))
	_, err = s.V2Get("/1/b", false, v2Time)
	var refused *v2store.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, v2store.Error{Code: v2store.CodeKeyNotFound, Cause: "/1/b", Index: 3}, *refused)
	_, ok, err = s.V2NextExpiry()
	require.NoError(t, err)
	require.False(t, ok)
}
