package crashimage_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/crashimage"
)

// busyFS calls a function at moments of a copy at which the source may change.
type busyFS struct {
	vfs.FS
	list func()          // before a folder is listed
	read func(end int64) // after a part of a log was read, up to end
}

// List implements vfs.FS.
func (fs busyFS) List(dir string) ([]string, error) {
	if fs.list != nil {
		fs.list()
	}
	return fs.FS.List(dir)
}

// Open implements vfs.FS.
func (fs busyFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.Open(name, opts...)
	if err != nil || fs.read == nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return busyFile{f, fs.read}, nil
}

type busyFile struct {
	vfs.File
	read func(end int64)
}

// ReadAt implements vfs.File.
func (f busyFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.read(off + int64(n))
	return n, err
}

// TestCopyOfALogThatGrowsMeanwhile copies a log that was reused, so that behind its end there is more to read, and grows by
// many blocks whenever a page behind its end was read. Read from its beginning, the copy would have a hole.
func TestCopyOfALogThatGrowsMeanwhile(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	o := options()
	o.MemTableSize, o.FormatMajorVersion = 64<<20, pebble.FormatTableFormatV6
	db, err := pebble.Open(from, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	written := uint64(0)
	write := func(n int) {
		for range n {
			written++
			require.NoError(t, db.Set(key(written), make([]byte, 6<<10), pebble.Sync))
		}
	}
	for range 3 { // the third log is the first one again
		write(400)
		require.NoError(t, db.Flush())
	}
	write(50)
	size, grown := int64(50*(6<<10)), 0
	busy := busyFS{FS: vfs.Default, read: func(end int64) {
		if end > size && grown < 10 {
			grown++
			write(20)
			size += 20 * (6 << 10)
		}
	}}
	before := written
	require.NoError(t, crashimage.Copy(busy, from, to))
	require.Positive(t, grown)
	require.GreaterOrEqual(t, last(t, to), before)
}

// TestCopyBeginsAnewWhenTheManifestChanges has a compaction remove the tables between the reading of the manifest and the
// opening of what it names.
func TestCopyBeginsAnewWhenTheManifestChanges(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	db, err := pebble.Open(from, options())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for i := range uint64(10) {
		require.NoError(t, db.Set(key(i+1), []byte("v"), pebble.Sync))
		require.NoError(t, db.Flush())
	}
	lists, compacted := 0, uint64(0)
	busy := busyFS{FS: vfs.Default, list: func() {
		// An attempt lists before the manifest is read, before tables are opened, and at its end.
		if lists++; lists%3 == 2 && compacted < 3 {
			compacted++
			require.NoError(t, db.Set(key(10+compacted), []byte("v"), pebble.Sync))
			require.NoError(t, db.Flush())
			require.NoError(t, db.Compact(t.Context(), key(0), key(100), false))
		}
	}}
	require.NoError(t, crashimage.Copy(busy, from, to))
	require.EqualValues(t, 3, compacted)
	require.EqualValues(t, 13, last(t, to))
}

// TestCopyOfWhatIsNoDatabase leaves nothing.
func TestCopyOfWhatIsNoDatabase(t *testing.T) {
	to := filepath.Join(t.TempDir(), "copy")
	require.ErrorIs(t, crashimage.Copy(vfs.Default, t.TempDir(), to), crashimage.ErrNoDatabase)
	require.NoDirExists(t, to)
}
