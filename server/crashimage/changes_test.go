package crashimage_test

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/crashimage"
)

// busyFS calls a function before a folder is listed, as the source may change then.
type busyFS struct {
	vfs.FS
	list func()
}

// List implements vfs.FS.
func (fs busyFS) List(dir string) ([]string, error) {
	fs.list()
	return fs.FS.List(dir)
}

// TestCopyBeginsAnewWhenTheManifestChanges has a compaction remove the tables between the reading of the manifest and the
// opening of what it names.
func TestCopyBeginsAnewWhenTheManifestChanges(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	db, err := pebble.Open(from, options())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for i := range uint64(10) {
		require.NoError(t, db.Set(key(i+1), []byte("v"), pebble.NoSync))
		require.NoError(t, db.Flush())
	}
	lists, compacted := 0, uint64(0)
	busy := busyFS{FS: vfs.Default, list: func() {
		// An attempt lists before the manifest is read, before tables are opened, and at its end.
		if lists++; lists%3 == 2 && compacted < 3 {
			compacted++
			require.NoError(t, db.Set(key(10+compacted), []byte("v"), pebble.NoSync))
			require.NoError(t, db.Flush())
			require.NoError(t, db.Compact(t.Context(), key(0), key(100), false))
		}
	}}
	require.NoError(t, crashimage.Copy(busy, from, to))
	require.EqualValues(t, 3, compacted)
	require.EqualValues(t, 13, last(t, to))
}
