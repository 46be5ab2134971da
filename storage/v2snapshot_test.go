package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/storagetest"
	"github.com/petcd/petcd/storage/v2store"
)

// install makes the state of one store that of another.
func install(t *testing.T, from, to *v2Tree) {
	sn, err := from.Snapshot()
	require.NoError(t, err)
	var archive bytes.Buffer
	_, err = sn.WriteTo(&archive)
	require.NoError(t, err)
	require.NoError(t, sn.Close())
	name, err := to.StageSnapshot(&archive)
	require.NoError(t, err)
	require.NoError(t, to.InstallSnapshot(name))
	to.index = from.index
}

// TestV2SnapshotCarriesTheTree installs a leader's state on a follower that has
// a part of it: nodes, expirations, history and hash are the leader's then.
func TestV2SnapshotCarriesTheTree(t *testing.T) {
	leader, follower := openV2(t, vfs.NewMem()), openV2(t, vfs.NewMem())
	defer leader.Close()
	defer follower.Close()
	for _, s := range []*v2Tree{leader, follower} {
		s.set("/1/a", "old")
	}
	due := v2Time.UnixNano() + 1
	_, err := leader.do(v2store.Set, v2store.Request{Path: "/1/d/e", Expiration: due})
	require.NoError(t, err)
	before, err := follower.Hash()
	require.NoError(t, err)
	install(t, leader, follower)
	require.EqualValues(t, 2, follower.V2Index())
	want, err := leader.Hash()
	require.NoError(t, err)
	got, err := follower.Hash()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NotEqual(t, before, got)
	next, ok, err := follower.V2NextExpiry()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, due, next.UnixNano())
	for _, s := range []*v2Tree{leader, follower} {
		w, err := s.V2Watch("/1", true, false, 2)
		require.NoError(t, err)
		e, err := w.Next(context.Background())
		require.NoError(t, err)
		require.Equal(t, "/1/d/e", e.Node.Key)
		s.set("/1/a", "new")
	}
	want, err = leader.Hash()
	require.NoError(t, err)
	got, err = follower.Hash()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// TestV2WatchersOutliveAnInstall has watchers before, during and beyond the
// changes that a follower gets as one snapshot.
func TestV2WatchersOutliveAnInstall(t *testing.T) {
	leader, follower := openV2(t, vfs.NewMem()), openV2(t, vfs.NewMem())
	defer leader.Close()
	defer follower.Close()
	for _, s := range []*v2Tree{leader, follower} {
		s.set("/1/a", "old")
	}
	watch := func(path string, since uint64) *v2store.Watcher {
		w, err := follower.V2Watch(path, true, true, since)
		require.NoError(t, err)
		return w
	}
	pending, missed, future, quiet := watch("/1/a", 1), watch("/1/b", 0), watch("/1", 4), watch("/1/c", 0)
	b := leader.set("/1/b", "")
	leader.set("/1/b2", "")
	install(t, leader, follower)
	last := follower.set("/1/c", "")
	storagetest.RequireV2Events(t, missed, []*v2store.Event{b})
	storagetest.RequireV2Events(t, future, []*v2store.Event{last})
	storagetest.RequireV2Events(t, quiet, []*v2store.Event{last})
	e, err := pending.Next(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, e.Index)

	leader.set("/1/c", "")
	for i := range schema.V2EventsKept + 1 {
		leader.set("/1/busy", fmt.Sprint(i))
	}
	install(t, leader, follower)
	_, err = quiet.Next(context.Background())
	var refused *v2store.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, v2store.CodeIndexCleared, refused.Code)
	require.Zero(t, follower.V2Stats().Watchers)
}
