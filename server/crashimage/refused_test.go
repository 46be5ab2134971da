package crashimage_test

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/crashimage"
)

// TestCopyOfWhatIsNoDatabase leaves nothing.
func TestCopyOfWhatIsNoDatabase(t *testing.T) {
	to := filepath.Join(t.TempDir(), "copy")
	require.ErrorIs(t, crashimage.Copy(vfs.Default, t.TempDir(), to), crashimage.ErrNoDatabase)
	require.NoDirExists(t, to)
}

// TestCopyOfADatabaseWithALog leaves nothing: what is in the log alone would be missing.
func TestCopyOfADatabaseWithALog(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	o := options()
	o.DisableWAL = false
	db, err := pebble.Open(from, o)
	require.NoError(t, err)
	require.NoError(t, db.Set(key(1), nil, pebble.Sync))
	require.ErrorIs(t, crashimage.Copy(vfs.Default, from, to), crashimage.ErrLogged)
	require.NoDirExists(t, to)
	require.NoError(t, db.Close())
	require.ErrorIs(t, crashimage.Copy(vfs.Default, from, to), crashimage.ErrLogged)
	require.NoDirExists(t, to)
}
