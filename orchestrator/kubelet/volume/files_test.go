package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

func TestConfigMap(t *testing.T) {
	cm := &v1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cm"},
		Data:       map[string]string{"a": "1", "b": "2"}, BinaryData: map[string][]byte{"bin": {0, 1}},
	}
	w := newWorld(t, cm)
	source := &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, DefaultMode: ptr.To[int32](0o640)}
	items := source.DeepCopy()
	items.Items = []v1.KeyToPath{{Key: "a", Path: "sub/deep/a", Mode: ptr.To[int32](0o400)}, {Key: "b", Path: "sub/b"}}
	pod := podOf(named("all", v1.VolumeSource{ConfigMap: source}), named("items", v1.VolumeSource{ConfigMap: items}))
	require.NoError(t, w.Setup(t.Context(), pod))
	all, some := w.paths(t, pod)["all"], w.paths(t, pod)["items"]
	require.True(t, all.Readonly)
	require.Equal(t, "1", read(t, all.HostPath, "a"))
	require.Equal(t, "\x00\x01", read(t, all.HostPath, "bin"))
	require.Equal(t, os.FileMode(0o640), mode(t, all.HostPath, "a"))
	require.Equal(t, "1", read(t, some.HostPath, "sub/deep/a"))
	require.Equal(t, os.FileMode(0o400), mode(t, some.HostPath, "sub/deep/a"))
	require.Equal(t, os.FileMode(0o640), mode(t, some.HostPath, "sub/b"))

	// Nothing has changed: nothing is written.
	before, err := os.Readlink(filepath.Join(all.HostPath, dataLink))
	require.NoError(t, err)
	require.NoError(t, w.Refresh(t.Context(), pod))
	after, err := os.Readlink(filepath.Join(all.HostPath, dataLink))
	require.NoError(t, err)
	require.Equal(t, before, after)

	// A change comes at once, as one link.
	cm.Data = map[string]string{"a": "changed", "c": "3"}
	_, err = w.client.CoreV1().ConfigMaps("default").Update(t.Context(), cm, metav1.UpdateOptions{})
	require.NoError(t, err)
	err = w.Refresh(t.Context(), pod)
	require.ErrorContains(t, err, `MountVolume.SetUp failed for volume "items" : configmap references non-existent config key: b`)
	require.Equal(t, "changed", read(t, all.HostPath, "a"))
	require.NoFileExists(t, filepath.Join(all.HostPath, "b"))
	require.Equal(t, "1", read(t, some.HostPath, "sub/deep/a"), "what can't be had stays as it was")
	entries, err := os.ReadDir(all.HostPath)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		if e.IsDir() {
			require.True(t, strings.HasPrefix(e.Name(), "..2026_01_02_03_04_05."), e.Name())
			continue
		}
		names = append(names, e.Name())
	}
	require.Equal(t, []string{dataLink, "a", "bin", "c"}, names)
	require.Len(t, entries, 5, "one folder is left")
}

func TestWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	ref := v1.LocalObjectReference{Name: "none"}
	pod := podOf(named("cm", v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: ref}}))
	require.ErrorContains(t, w.Setup(t.Context(), pod), `MountVolume.SetUp failed for volume "cm" : configmap "none" not found`)
	require.Contains(t, <-w.events.Events, `Warning FailedMount MountVolume.SetUp failed for volume "cm" : `)
	pod = podOf(named("cm", v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: ref, Optional: ptr.To(true)}}))
	require.NoError(t, w.Setup(t.Context(), pod))
	require.DirExists(t, w.paths(t, pod)["cm"].HostPath)

	w.o.Client = nil
	pod.UID = "other"
	require.ErrorIs(t, w.Setup(t.Context(), pod), errNoClient)
}

func TestUnsupportedKinds(t *testing.T) {
	w := newWorld(t)
	for kind, source := range map[string]v1.VolumeSource{
		"NFS":       {NFS: &v1.NFSVolumeSource{}},
		"CSI":       {CSI: &v1.CSIVolumeSource{}},
		"unknown":   {},
		"HugePages": {EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumHugePages}},
	} {
		require.ErrorContains(t, w.Setup(t.Context(), podOf(named("v", source))), kind)
	}
	pod := podOf(named("../v", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}))
	require.ErrorContains(t, w.Setup(t.Context(), pod), "not the name of a folder")
	pod = podOf()
	pod.UID = "../x"
	require.ErrorContains(t, w.Setup(t.Context(), pod), "not the name of a folder")
	require.Error(t, w.Teardown("../x"))
}

func TestProjected(t *testing.T) {
	needsMounts(t)
	w := newWorld(t,
		&v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s"}, Data: map[string][]byte{"password": []byte("x")}},
		&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ca"}, Data: map[string]string{"ca.crt": "CA"}})
	asked := 0
	w.client.PrependReactor("create", "serviceaccounts", func(action clienttesting.Action) (bool, runtime.Object, error) {
		request := action.(clienttesting.CreateActionImpl).Object.(*authv1.TokenRequest)
		require.Equal(t, "token", action.GetSubresource())
		require.Equal(t, &authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p", UID: "uid-1"}, request.Spec.BoundObjectRef)
		require.Equal(t, []string{"vault"}, request.Spec.Audiences)
		if asked++; asked == 3 {
			return true, nil, errors.New("no answer")
		}
		request.Status.Token = fmt.Sprintf("token-%d", asked)
		request.Status.ExpirationTimestamp = metav1.NewTime(w.clock.Now().Add(time.Duration(*request.Spec.ExpirationSeconds) * time.Second))
		return true, request, nil
	})
	pod := podOf(named("p", v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
		{ServiceAccountToken: &v1.ServiceAccountTokenProjection{Path: "token", Audience: "vault", ExpirationSeconds: ptr.To[int64](1000)}},
		{Secret: &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: "s"}}},
		{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: v1.LocalObjectReference{Name: "ca"}}},
		{DownwardAPI: &v1.DownwardAPIProjection{Items: []v1.DownwardAPIVolumeFile{
			{Path: "labels", FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
			{Path: "cpu", ResourceFieldRef: &v1.ResourceFieldSelector{ContainerName: "c", Resource: "limits.cpu", Divisor: resource.MustParse("1m")}},
		}}},
	}}}))
	pod.Spec.Containers[0].Resources.Limits = v1.ResourceList{v1.ResourceCPU: resource.MustParse("250m")}
	pod.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: ptr.To[int64](1234), FSGroup: ptr.To[int64](5678)}
	require.NoError(t, w.Setup(t.Context(), pod))
	at := w.paths(t, pod)["p"].HostPath
	require.Equal(t, "token-1", read(t, at, "token"))
	require.Equal(t, "x", read(t, at, "password"))
	require.Equal(t, "CA", read(t, at, "ca.crt"))
	require.Equal(t, "a=\"x\\\"y\"\nb=\"2\"", read(t, at, "labels"))
	require.Equal(t, "250", read(t, at, "cpu"))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(filepath.Join(at, "token"), &st))
	require.Equal(t, []uint32{1234, 5678, 0o640}, []uint32{st.Uid, st.Gid, st.Mode & 0o777}, "the user's, and readable for the group")
	require.NoError(t, unix.Stat(filepath.Join(at, "password"), &st))
	require.Equal(t, []uint32{0, 5678, 0o644}, []uint32{st.Uid, st.Gid, st.Mode & 0o777})
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(at, &fs))
	require.EqualValues(t, unix.TMPFS_MAGIC, fs.Type, "never on disk")

	step := func(by time.Duration) {
		w.clock.SetTime(w.clock.Now().Add(by))
		require.NoError(t, w.Refresh(t.Context(), pod))
	}
	step(799 * time.Second)
	require.Equal(t, "token-1", read(t, at, "token"), "not due yet")
	step(time.Second)
	require.Equal(t, "token-2", read(t, at, "token"), "due before it expires")
	step(900 * time.Second)
	require.Equal(t, 3, asked)
	require.Equal(t, "token-2", read(t, at, "token"), "while there is no other")
	step(time.Second)
	require.Equal(t, "token-4", read(t, at, "token"))

	pod.Labels["a"] = "new"
	step(0)
	require.Equal(t, "a=\"new\"\nb=\"2\"", read(t, at, "labels"))
	require.NoError(t, w.Teardown("uid-1"))
	require.Empty(t, w.tokens.kept)

	pod = podOf(named("p", v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{{ClusterTrustBundle: &v1.ClusterTrustBundleProjection{}}}}}))
	require.ErrorContains(t, w.Setup(t.Context(), pod), "projected ClusterTrustBundle is not supported")
}
