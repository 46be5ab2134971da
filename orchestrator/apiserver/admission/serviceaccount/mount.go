package serviceaccount

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/utils/ptr"
)

const (
	// volumePrefix is how the name of the volume with the token begins. A volume of that name is taken to be one.
	volumePrefix = "kube-api-access-"
	// mountPath is where client libraries look.
	mountPath = "/var/run/secrets/kubernetes.io/serviceaccount"
	// tokenSeconds is an hour, and a little that tells such tokens from those that were asked for explicitly.
	tokenSeconds = 60*60 + 7
	// rootCA is the config map with the cluster's certificate authority that a controller puts into each namespace.
	rootCA = "kube-root-ca.crt"
)

// automount tells whether a pod gets a token: what the pod says counts, then what the account says, and else it does.
func automount(account *corev1.ServiceAccount, pod *corev1.Pod) bool {
	if said := pod.Spec.AutomountServiceAccountToken; said != nil {
		return *said
	}
	return ptr.Deref(account.AutomountServiceAccountToken, true)
}

// mountToken mounts the token into all containers that have nothing else there.
func mountToken(pod *corev1.Pod, names names.NameGenerator) {
	has := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, volumePrefix) })
	var name string
	if has >= 0 {
		name = pod.Spec.Volumes[has].Name
	} else {
		name = names.GenerateName(volumePrefix)
	}
	needed := false
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == mountPath }) {
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: mountPath})
				needed = true
			}
		}
	}
	if needed && has < 0 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: access()}})
	}
}

// access is all that a client in the cluster needs to talk to the apiserver.
func access() *corev1.ProjectedVolumeSource {
	return &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To(corev1.ProjectedVolumeSourceDefaultMode),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr.To[int64](tokenSeconds)}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: rootCA},
				Items:                []corev1.KeyToPath{{Key: corev1.ServiceAccountRootCAKey, Path: corev1.ServiceAccountRootCAKey}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path:     "namespace",
				FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
			}}}},
		},
	}
}
