package volume

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestFSGroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("giving files away needs root")
	}
	w := newWorld(t, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cm"}, Data: map[string]string{"a": "1"}})
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}),
		named("cm", v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, DefaultMode: ptr.To[int32](0o400)}}))
	pod.Spec.SecurityContext = &v1.PodSecurityContext{FSGroup: ptr.To[int64](77)}
	require.NoError(t, w.Setup(t.Context(), pod))
	paths := w.paths(t, pod)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(paths["e"].HostPath, &st))
	require.EqualValues(t, 77, st.Gid)
	require.Equal(t, os.ModeDir|os.ModeSetgid|0o777, mode(t, paths["e"].HostPath))
	require.NoError(t, unix.Stat(filepath.Join(paths["cm"].HostPath, "a"), &st))
	require.EqualValues(t, 77, st.Gid)
	require.Equal(t, os.FileMode(0o440), mode(t, paths["cm"].HostPath, "a"))
	before, err := os.Readlink(filepath.Join(paths["cm"].HostPath, dataLink))
	require.NoError(t, err)
	require.NoError(t, w.Setup(t.Context(), pod))
	after, err := os.Readlink(filepath.Join(paths["cm"].HostPath, dataLink))
	require.NoError(t, err)
	require.Equal(t, before, after, "the group's mode is no change")
}

// A symlink that a container made is not followed when files are given away.
func TestGivingAwayFollowsNoLink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("giving files away needs root")
	}
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, nil, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.NoError(t, giveToGroup(dir, ptr.To[int64](77), false))
	require.Equal(t, os.FileMode(0o600), mode(t, outside))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(outside, &st))
	require.NotEqualValues(t, 77, st.Gid)
	require.True(t, groupOwns(dir, 77))
	require.False(t, groupOwns(dir, 78))
}
