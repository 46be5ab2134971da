package podrefs

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func TestRefs(t *testing.T) {
	ref := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	ptrTo := func(name string) *corev1.LocalObjectReference { r := ref(name); return &r }
	container := func(n string) corev1.Container {
		return corev1.Container{
			Name: n,
			Env: []corev1.EnvVar{
				{Name: "plain", Value: "x"},
				{ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref(n + "-env")}}},
				{ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref(n + "-map")}}},
			},
			EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref(n + "-all")}},
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref(n + "-allmap")}},
			},
		}
	}
	late := container("late")
	volume := func(v corev1.VolumeSource) corev1.Volume { return corev1.Volume{VolumeSource: v} }
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		ImagePullSecrets:    []corev1.LocalObjectReference{ref("pull")},
		InitContainers:      []corev1.Container{container("init")},
		Containers:          []corev1.Container{container("main")},
		EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "late", Env: late.Env, EnvFrom: late.EnvFrom}}},
		Volumes: []corev1.Volume{
			volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}),
			volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "secret"}}),
			volume(corev1.VolumeSource{AzureFile: &corev1.AzureFileVolumeSource{SecretName: "azure"}}),
			volume(corev1.VolumeSource{CephFS: &corev1.CephFSVolumeSource{SecretRef: ptrTo("ceph")}}),
			volume(corev1.VolumeSource{Cinder: &corev1.CinderVolumeSource{SecretRef: ptrTo("cinder")}}),
			volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{NodePublishSecretRef: ptrTo("csi")}}),
			volume(corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{SecretRef: ptrTo("flex")}}),
			volume(corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{SecretRef: ptrTo("iscsi")}}),
			volume(corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{SecretRef: ptrTo("rbd")}}),
			volume(corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{}}),
			volume(corev1.VolumeSource{ScaleIO: &corev1.ScaleIOVolumeSource{SecretRef: ptrTo("scaleio")}}),
			volume(corev1.VolumeSource{StorageOS: &corev1.StorageOSVolumeSource{SecretRef: ptrTo("storageos")}}),
			volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("config")}}),
			volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: ref("projected")}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: ref("projectedmap")}},
			}}}),
		},
	}}
	require.Equal(t, []string{
		"pull", "init-all", "init-env", "main-all", "main-env", "late-all", "late-env",
		"secret", "azure", "ceph", "cinder", "csi", "flex", "iscsi", "rbd", "scaleio", "storageos", "projected",
	}, Secrets(pod))
	require.Equal(t, []string{
		"init-allmap", "init-map", "main-allmap", "main-map", "late-allmap", "late-map", "config", "projectedmap",
	}, ConfigMaps(pod))
	require.False(t, Tokens(pod))
	pod.Spec.Volumes = append(pod.Spec.Volumes, volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}},
	}}))
	require.True(t, Tokens(pod))
}
