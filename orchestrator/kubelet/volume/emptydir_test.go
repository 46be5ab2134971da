package volume

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func TestEmptyDirOnDisk(t *testing.T) {
	w := newWorld(t)
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}), named("unused", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}))
	pod.Spec.Containers[0].VolumeMounts = pod.Spec.Containers[0].VolumeMounts[:1]
	require.NoError(t, w.Setup(t.Context(), pod))
	m := w.paths(t, pod)["e"]
	require.Equal(t, filepath.Join(w.o.Root, "uid-1/volumes/kubernetes.io~empty-dir/e"), m.HostPath)
	require.Equal(t, "/e", m.ContainerPath)
	require.False(t, m.Readonly)
	require.Equal(t, os.ModeDir|0o777, mode(t, m.HostPath))
	require.NoDirExists(t, filepath.Join(w.o.Root, "uid-1/volumes/kubernetes.io~empty-dir/unused"), "no container uses it")

	require.NoError(t, os.WriteFile(filepath.Join(m.HostPath, "f"), make([]byte, 100_000), 0o600))
	require.NoError(t, os.Chmod(m.HostPath, 0o700))
	require.NoError(t, w.Setup(t.Context(), pod), "again")
	require.Equal(t, os.ModeDir|0o700, mode(t, m.HostPath), "what the pod made of it stays")
	require.GreaterOrEqual(t, w.EmptyDirs(pod)["e"], int64(100_000))

	require.NoError(t, w.Teardown("uid-1"))
	require.NoDirExists(t, w.PodDir("uid-1"))
	require.NoError(t, w.Teardown("uid-1"), "of a pod that has none")
}

func TestEmptyDirInMemory(t *testing.T) {
	needsMounts(t)
	w := newWorld(t)
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory, SizeLimit: ptr.To(resource.MustParse("1Mi"))}}))
	require.NoError(t, w.Setup(t.Context(), pod))
	at := w.paths(t, pod)["e"].HostPath
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(at, &st))
	require.EqualValues(t, unix.TMPFS_MAGIC, st.Type)
	require.EqualValues(t, 1<<20, int64(st.Blocks)*st.Bsize)
	require.Equal(t, os.ModeDir|os.ModeSticky|0o777, mode(t, at))
	require.NoError(t, os.WriteFile(filepath.Join(at, "kept"), nil, 0o600))
	require.NoError(t, New(w.o).Setup(t.Context(), pod), "by the next kubelet")
	require.FileExists(t, filepath.Join(at, "kept"))
	points, err := mountPoints(at)
	require.NoError(t, err)
	require.Len(t, points, 1)
	require.NoError(t, New(w.o).Teardown("uid-1"))
	require.NoDirExists(t, w.PodDir("uid-1"))
}

func TestSizeOfMemory(t *testing.T) {
	limited := podOf()
	limited.Spec.Containers[0].Resources.Limits = v1.ResourceList{v1.ResourceMemory: resource.MustParse("10")}
	for name, c := range map[string]struct {
		pod         *v1.Pod
		limit       string
		allocatable string
		want        int64
	}{
		"nothing is said":   {podOf(), "", "", 0},
		"the volume's":      {podOf(), "7", "", 7},
		"the pod's":         {limited, "", "", 10},
		"the node's":        {podOf(), "", "99", 99},
		"the least of all":  {limited, "7", "99", 7},
		"the node is small": {limited, "70", "5", 5},
	} {
		e := &emptyDir{pod: c.pod, spec: &v1.EmptyDirVolumeSource{}}
		if c.limit != "" {
			e.spec.SizeLimit = ptr.To(resource.MustParse(c.limit))
		}
		if c.allocatable != "" {
			e.allocatable = func() v1.ResourceList { return v1.ResourceList{v1.ResourceMemory: resource.MustParse(c.allocatable)} }
		}
		require.Equal(t, c.want, e.size(), name)
	}
}
