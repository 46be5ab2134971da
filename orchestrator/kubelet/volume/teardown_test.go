package volume

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A foreign mount in a pod's folder, as a container with bidirectional propagation can leave one: what it shows is not deleted.
func TestTeardownDeletesThroughNoMount(t *testing.T) {
	needsMounts(t)
	w := newWorld(t)
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}))
	require.NoError(t, w.Setup(t.Context(), pod))
	precious := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(precious, "f"), nil, 0o600))
	inner := filepath.Join(w.paths(t, pod)["e"].HostPath, "a", "with a space\t\n")
	require.NoError(t, os.MkdirAll(inner, 0o755))
	require.NoError(t, unix.Mount(precious, inner, "", unix.MS_BIND, ""))
	require.NoError(t, unix.Mount(precious, inner, "", unix.MS_BIND, ""))
	open, err := os.Open(filepath.Join(inner, "f")) // busy
	require.NoError(t, err)
	defer open.Close()
	require.NoError(t, w.Teardown("uid-1"))
	require.NoDirExists(t, w.PodDir("uid-1"))
	require.FileExists(t, filepath.Join(precious, "f"))
}

func TestOrphans(t *testing.T) {
	w := newWorld(t)
	found, err := w.Orphans(func(types.UID) bool { return false })
	require.NoError(t, err)
	require.Empty(t, found, "there is no folder yet")
	for _, uid := range []types.UID{"a", "b"} {
		pod := podOf()
		pod.UID = uid
		require.NoError(t, w.Setup(t.Context(), pod))
	}
	found, err = New(w.o).Orphans(func(uid types.UID) bool { return uid == "a" })
	require.NoError(t, err)
	require.Equal(t, []types.UID{"b"}, found)
}
