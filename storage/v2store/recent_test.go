package v2store

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// TestReadsDoNotGoBack: a directory is read from the engine, which shows a batch a moment before its index is published. Whoever saw it
// there must not get a file's former value, which is still in memory.
func TestReadsDoNotGoBack(t *testing.T) {
	db, err := engine.Create("engine", engine.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tree, err := Open(db)
	require.NoError(t, err)
	index := uint64(0)
	begin := func(value string) *Writer {
		b := db.NewBatch()
		w := tree.NewWriter(b, &Counters{})
		_, err := w.Do(Set, &Request{Path: "/1/d/a", Value: value, Now: 1})
		require.NoError(t, err)
		require.NoError(t, w.Seal())
		index++
		require.NoError(t, b.SetApplied(schema.Applied{Index: index, Term: 1, Revision: 1}))
		require.NoError(t, b.Commit())
		return w
	}
	read := func() *Event {
		e, err := tree.Get("/1/d/a", false, time.Unix(1, 0))
		require.NoError(t, err)
		return e
	}
	begin("old").Publish()
	read()
	read()
	key := schema.AppendV2NodeKey(nil, "/1/d/a")
	tree.recent.Forget(key)
	_, place := tree.recent.Find(key)
	tree.recent.Keep(place, key, schema.V2Node{Created: 1, Modified: 1, Value: "in memory"}, 0)
	require.Equal(t, "in memory", *read().Node.Value)

	w := begin("new")
	dir, err := tree.Get("/1/d", false, time.Unix(1, 0))
	require.NoError(t, err)
	require.Equal(t, "new", *dir.Node.Nodes[0].Value)
	file := read()
	require.Equal(t, "new", *file.Node.Value)
	require.GreaterOrEqual(t, file.Index, dir.Index)
	w.Publish()
	require.Equal(t, "new", *read().Node.Value)
}
