package etcdutl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ownSession holds commands that etcd's etcdutl does not have, all run in one folder. PETCD_UPDATE=1 writes it down anew.
const ownSession = "testdata/v2.txt"

// TestOwnSession moves a data directory of the real etcd 3.4.23.
func TestOwnSession(t *testing.T) {
	path, err := filepath.Abs(ownSession)
	require.NoError(t, err)
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	dir := fixtures(t)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "etcd-3.4.23-data"), os.DirFS("testdata/etcd-3.4.23-data")))
	got := replayIn(t, string(want), func() string { return dir }, inProcess)
	if os.Getenv("PETCD_UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		return
	}
	require.Equal(t, string(want), got)
}
