package volume

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func TestClaims(t *testing.T) {
	dir := t.TempDir()
	claim := func(name, pv string) *v1.PersistentVolumeClaim {
		return &v1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}, Spec: v1.PersistentVolumeClaimSpec{VolumeName: pv},
			Status: v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound},
		}
	}
	volume := func(name, claim string, source v1.PersistentVolumeSource) *v1.PersistentVolume {
		return &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.PersistentVolumeSpec{
			PersistentVolumeSource: source, ClaimRef: &v1.ObjectReference{UID: types.UID(claim)},
		}}
	}
	created := v1.HostPathDirectoryOrCreate
	pending := claim("pending", "")
	pending.Status.Phase = v1.ClaimPending
	block := volume("block", "block", v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: dir}})
	block.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock)
	mine := claim("p-eph", "hp2")
	mine.OwnerReferences = []metav1.OwnerReference{{UID: "uid-1", Name: "p", Kind: "Pod", Controller: ptr.To(true)}}
	w := newWorld(t, pending, claim("good", "hp"), claim("local", "local"), claim("foreign", "hp"), claim("nfs", "nfs"), claim("block", "block"), mine, block,
		volume("hp", "good", v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: dir + "/hp", Type: &created}}),
		volume("hp2", "p-eph", v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: dir + "/hp2", Type: &created}}),
		volume("local", "local", v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: dir}}),
		volume("nfs", "nfs", v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{}}))
	of := func(name string) v1.VolumeSource {
		return v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name, ReadOnly: name == "local"}}
	}
	for name, text := range map[string]string{
		"pending": "is not bound", "foreign": "PV hp is not bound to PVC default/foreign", "nfs": "PV nfs is of kind NFS, which is not supported",
		"block": "block device", "none": "not found",
	} {
		require.ErrorContains(t, w.Setup(t.Context(), podOf(named("v", of(name)))), text)
	}
	pod := podOf(named("good", of("good")), named("local", of("local")), named("eph", v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}))
	_, err := w.Mounts(pod, &pod.Spec.Containers[0], nil)
	require.ErrorContains(t, err, "was not set up")
	require.NoError(t, w.Setup(t.Context(), pod))
	paths := w.paths(t, pod)
	require.Equal(t, dir+"/hp", paths["good"].HostPath)
	require.False(t, paths["good"].Readonly)
	require.Equal(t, dir, paths["local"].HostPath)
	require.True(t, paths["local"].Readonly)
	require.Equal(t, dir+"/hp2", paths["eph"].HostPath)
	require.NoError(t, w.Teardown("uid-1"))
	require.DirExists(t, dir+"/hp", "is not the pod's")
	require.Empty(t, w.claims)
}
