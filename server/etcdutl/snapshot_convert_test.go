package etcdutl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConvertReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup.db")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	_, stderr, code := inProcess(t, dir, []string{"snapshot", "convert", "backup.db", "backup.db"})
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "backup.db exists")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(b))
}
