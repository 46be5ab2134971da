package mvcc

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/engine"
)

// TestWhatIsKeptOfAKey reads a key around a commit.
func TestWhatIsKeptOfAKey(t *testing.T) {
	db, err := engine.Create("engine", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	s, err := Open(db)
	require.NoError(t, err)
	key := []byte("k")
	put := func(value string) {
		w := s.NewWriter(db.NewBatch())
		tx := w.Begin()
		_, err := tx.Put(key, []byte(value), 0)
		require.NoError(t, err)
		tx.End()
		require.NoError(t, w.Commit(uint64(s.Revision()), 1))
	}
	read := func() (string, int64) {
		r, err := s.Range(context.Background(), key, nil, RangeOptions{})
		require.NoError(t, err)
		require.Len(t, r.KVs, 1)
		return string(r.KVs[0].Value), r.Revision
	}
	kept := func() *newest {
		n, _ := s.recent.Find(key)
		return n
	}
	put("1")
	read()
	read()
	require.Equal(t, "1", string(kept().value))
	put("2")
	require.Nil(t, kept())

	// What a reader finds while a batch is being committed may be outdated once that is done.
	s.commits.Add(1)
	read()
	s.commits.Add(1)
	require.Nil(t, kept())

	// What another reader kept may be newer than the revision that this one has seen.
	_, place := s.recent.Find(key)
	s.recent.Keep(place, key, newest{mod: s.Revision() + 1, create: 2, version: 3, value: []byte("3")}, 1)
	value, revision := read()
	require.Equal(t, "2", value)
	require.Equal(t, s.Revision(), revision)

	// All of what is read is charged for, wherever it was found.
	s.recent.Forget(key)
	_, place = s.recent.Find(key)
	s.recent.Keep(place, key, newest{mod: s.Revision(), value: make([]byte, 1000)}, 1000)
	charged := 0
	_, err = s.Range(context.Background(), key, nil, RangeOptions{Charge: func(n int) error { charged += n; return nil }})
	require.NoError(t, err)
	require.Greater(t, charged, 1000)
	full := func(int) error { return engine.ErrNotFound }
	_, err = s.Range(context.Background(), key, nil, RangeOptions{Charge: full})
	require.ErrorIs(t, err, engine.ErrNotFound)
}
