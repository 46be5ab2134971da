package volume

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
)

func TestHostPath(t *testing.T) {
	dir := t.TempDir()
	file, folder, socket := filepath.Join(dir, "file"), filepath.Join(dir, "folder"), filepath.Join(dir, "s")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Mkdir(folder, 0o700))
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	none := filepath.Join(dir, "none")
	for _, c := range []struct {
		kind v1.HostPathType
		path string
		err  string
	}{
		{v1.HostPathUnset, none, ""},
		{v1.HostPathDirectory, folder, ""},
		{v1.HostPathDirectory, file, "is not a directory"},
		{v1.HostPathDirectory, none, "is not a directory"},
		{v1.HostPathFile, file, ""},
		{v1.HostPathFile, folder, "is not a file"},
		{v1.HostPathSocket, socket, ""},
		{v1.HostPathSocket, file, "is not a socket"},
		{v1.HostPathCharDev, "/dev/null", ""},
		{v1.HostPathCharDev, file, "is not a character device"},
		{v1.HostPathBlockDev, "/dev/null", "is not a block device"},
		{v1.HostPathDirectoryOrCreate, filepath.Join(dir, "made", "deep"), ""},
		{v1.HostPathDirectoryOrCreate, file, "is not a directory"},
		{v1.HostPathFileOrCreate, filepath.Join(dir, "made", "file"), ""},
		{v1.HostPathFileOrCreate, filepath.Join(none, "file"), "no such file"},
		{"Nonsense", file, "invalid volume type"},
	} {
		err := (&hostPath{at: c.path, kind: c.kind}).setup(t.Context())
		if c.err == "" {
			require.NoError(t, err, "%s %s", c.kind, c.path)
			continue
		}
		require.ErrorContains(t, err, "hostPath type check failed", "%s %s", c.kind, c.path)
		require.ErrorContains(t, err, c.err, "%s %s", c.kind, c.path)
	}
	require.Equal(t, os.ModeDir|0o755, mode(t, dir, "made", "deep"))
	require.Equal(t, os.FileMode(0o644), mode(t, dir, "made", "file"))
	require.NoDirExists(t, none)
}
