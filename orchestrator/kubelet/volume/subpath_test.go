package volume

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestSubPaths(t *testing.T) {
	needsMounts(t)
	w := newWorld(t, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cm"}, Data: map[string]string{"a": "1"}})
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}),
		named("cm", v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}}}))
	mounts := pod.Spec.Containers[0].VolumeMounts
	mounts[0].SubPathExpr, mounts[1].SubPath = "logs/$(WHO)", "a"
	require.NoError(t, w.Setup(t.Context(), pod))
	env := []*runtimeapi.KeyValue{{Key: "WHO", Value: []byte("me")}}
	made, err := w.Mounts(pod, &pod.Spec.Containers[0], env)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(w.PodDir("uid-1"), "volume-subpaths/e/c/0"), made[0].HostPath)
	require.NoError(t, os.WriteFile(filepath.Join(made[0].HostPath, "x"), []byte("written"), 0o600))
	volume := filepath.Join(w.PodDir("uid-1"), "volumes/kubernetes.io~empty-dir/e")
	require.Equal(t, "written", read(t, volume, "logs/me/x"))
	require.Equal(t, os.ModeDir|0o777, mode(t, volume, "logs"), "the volume's mode")
	require.Equal(t, "1", read(t, made[1].HostPath), "through ..data, which stays in the volume")

	again, err := w.Mounts(pod, &pod.Spec.Containers[0], env)
	require.NoError(t, err, "for the container's next start")
	require.Equal(t, made, again)
	points, err := mountPoints(made[0].HostPath)
	require.NoError(t, err)
	require.Len(t, points, 1)

	// What the bind leads to stays, whatever is put into its place.
	require.NoError(t, os.Rename(filepath.Join(volume, "logs/me"), filepath.Join(volume, "logs/moved")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(volume, "logs/me")))
	require.Equal(t, "written", read(t, made[0].HostPath, "x"))

	require.NoError(t, w.Teardown("uid-1"))
	require.NoDirExists(t, w.PodDir("uid-1"))
}

func TestSubPathsDoNotEscape(t *testing.T) {
	needsMounts(t)
	w := newWorld(t)
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}))
	require.NoError(t, w.Setup(t.Context(), pod))
	volume := w.paths(t, pod)["e"].HostPath
	outside := t.TempDir()
	for name, target := range map[string]string{
		"absolute": outside, "relative": "../../../../../../../../../../../.." + outside, "up": "..", "proc": "/proc/self/root", "dangling": "nowhere",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(volume, name)))
		for _, sub := range []string{name, name + "/made", name + "/made/deep"} {
			pod.Spec.Containers[0].VolumeMounts[0].SubPath = sub
			_, err := w.Mounts(pod, &pod.Spec.Containers[0], nil)
			require.Error(t, err, sub)
		}
	}
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, os.Mkdir(filepath.Join(volume, "in"), 0o700))
	require.NoError(t, os.Symlink("in", filepath.Join(volume, "inside")))
	pod.Spec.Containers[0].VolumeMounts[0].SubPath = "inside/made"
	_, err = w.Mounts(pod, &pod.Spec.Containers[0], nil)
	require.NoError(t, err)
	require.DirExists(t, filepath.Join(volume, "in/made"))
}
