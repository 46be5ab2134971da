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

// TestRestoreOfFileTells warns that a snapshot file of etcd has nothing of API 2; a data directory has it, and there is no warning.
func TestRestoreOfFileTells(t *testing.T) {
	dir := fixtures(t)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "data"), os.DirFS("testdata/etcd-3.4.23-data")))
	const warning = "a snapshot file of etcd has no keys and users of API 2"
	_, stderr, code := inProcess(t, dir, []string{"snapshot", "restore", "etcd-3.4.23.db", "--data-dir", "of-file"})
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, warning)
	_, stderr, code = inProcess(t, dir, []string{"snapshot", "restore", "data", "--data-dir", "of-directory"})
	require.Zero(t, code, stderr)
	require.NotContains(t, stderr, warning)
}
