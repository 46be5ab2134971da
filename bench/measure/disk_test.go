package measure

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiskBytes counts a hard link once and a hole not at all.
func TestDiskBytes(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "sub", "data")
	require.NoError(t, os.Mkdir(filepath.Dir(data), 0o755))
	f, err := os.Create(data)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 64<<10))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<30))
	require.NoError(t, f.Sync()) // before it blocks may not be allocated yet
	require.NoError(t, f.Close())
	require.NoError(t, os.Link(data, filepath.Join(dir, "link")))

	got, err := DiskBytes(dir)
	require.NoError(t, err)
	require.InDelta(t, 64<<10, got, 16<<10)

	_, err = DiskBytes(filepath.Join(dir, "absent"))
	require.NoError(t, err)
}
