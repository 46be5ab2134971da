package volume

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"
)

func TestMountOptions(t *testing.T) {
	w := newWorld(t)
	pod := podOf(named("e", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}))
	m := &pod.Spec.Containers[0].VolumeMounts[0]
	require.NoError(t, w.Setup(t.Context(), pod))
	for mode, want := range map[v1.MountPropagationMode]runtimeapi.MountPropagation{
		v1.MountPropagationNone:            runtimeapi.MountPropagation_PROPAGATION_PRIVATE,
		v1.MountPropagationHostToContainer: runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER,
		v1.MountPropagationBidirectional:   runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL,
	} {
		m.MountPropagation = &mode
		require.Equal(t, want, w.paths(t, pod)["e"].Propagation)
	}
	m.MountPropagation, m.ReadOnly = nil, true
	require.True(t, w.paths(t, pod)["e"].Readonly)
	fails := func(text string) {
		t.Helper()
		_, err := w.Mounts(pod, &pod.Spec.Containers[0], []*runtimeapi.KeyValue{{Key: "UP", Value: []byte("..")}})
		require.ErrorContains(t, err, text)
	}
	m.RecursiveReadOnly = ptr.To(v1.RecursiveReadOnlyEnabled)
	fails("recursive read-only")
	m.RecursiveReadOnly = ptr.To(v1.RecursiveReadOnlyIfPossible)
	require.True(t, w.paths(t, pod)["e"].Readonly)
	m.SubPath = "/etc"
	fails("must not be an absolute path")
	m.SubPath = "a/../../b"
	fails("must not contain '..'")
	m.SubPath, m.SubPathExpr = "", "a/$(NONE)"
	fails(`missing value for "NONE"`)
	m.SubPathExpr = "$(UP)/x"
	fails("must not contain '..'")
	m.SubPathExpr, m.Name = "", "nope"
	fails(`the pod has no volume "nope"`)
	pod.Spec.Containers[0].VolumeDevices = []v1.VolumeDevice{{Name: "e"}}
	fails("block devices")
}
