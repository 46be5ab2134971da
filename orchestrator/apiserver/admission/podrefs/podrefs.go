package podrefs

import (
	corev1 "k8s.io/api/core/v1"
)

// Container is a container, with the name that messages have for its kind.
type Container struct {
	Kind string // "container", "init container" or "ephemeral container"
	Name string
	Env  []corev1.EnvVar
	From []corev1.EnvFromSource
}

// Containers are all containers of a pod: those of the start first, then the others, then those that were added later.
func Containers(pod *corev1.Pod) (all []Container) {
	for _, c := range pod.Spec.InitContainers {
		all = append(all, Container{"init container", c.Name, c.Env, c.EnvFrom})
	}
	for _, c := range pod.Spec.Containers {
		all = append(all, Container{"container", c.Name, c.Env, c.EnvFrom})
	}
	for _, c := range pod.Spec.EphemeralContainers {
		all = append(all, Container{"ephemeral container", c.Name, c.Env, c.EnvFrom})
	}
	return all
}

// Secrets are the names of the secrets that a pod refers to, in its own namespace.
func Secrets(pod *corev1.Pod) (names []string) {
	for _, s := range pod.Spec.ImagePullSecrets {
		names = append(names, s.Name)
	}
	for _, c := range Containers(pod) {
		for _, from := range c.From {
			if from.SecretRef != nil {
				names = append(names, from.SecretRef.Name)
			}
		}
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				names = append(names, env.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	for i := range pod.Spec.Volumes {
		names = append(names, volumeSecrets(&pod.Spec.Volumes[i].VolumeSource)...)
	}
	return names
}

// volumeSecrets are those of one volume: a projected one may have several.
func volumeSecrets(v *corev1.VolumeSource) (names []string) {
	switch {
	case v.Secret != nil:
		return []string{v.Secret.SecretName}
	case v.AzureFile != nil:
		return []string{v.AzureFile.SecretName}
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				names = append(names, s.Secret.Name)
			}
		}
		return names
	}
	if ref := driverSecret(v); ref != nil {
		return []string{ref.Name}
	}
	return nil
}

// driverSecret is what a storage driver is given to get at the volume; nil if nothing.
func driverSecret(v *corev1.VolumeSource) *corev1.LocalObjectReference {
	switch {
	case v.CephFS != nil:
		return v.CephFS.SecretRef
	case v.Cinder != nil:
		return v.Cinder.SecretRef
	case v.CSI != nil:
		return v.CSI.NodePublishSecretRef
	case v.FlexVolume != nil:
		return v.FlexVolume.SecretRef
	case v.ISCSI != nil:
		return v.ISCSI.SecretRef
	case v.RBD != nil:
		return v.RBD.SecretRef
	case v.ScaleIO != nil:
		return v.ScaleIO.SecretRef
	case v.StorageOS != nil:
		return v.StorageOS.SecretRef
	}
	return nil
}

// ConfigMaps are the names of the config maps that a pod refers to, in its own namespace.
func ConfigMaps(pod *corev1.Pod) (names []string) {
	for _, c := range Containers(pod) {
		for _, from := range c.From {
			if from.ConfigMapRef != nil {
				names = append(names, from.ConfigMapRef.Name)
			}
		}
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
				names = append(names, env.ValueFrom.ConfigMapKeyRef.Name)
			}
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			names = append(names, v.ConfigMap.Name)
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ConfigMap != nil {
				names = append(names, s.ConfigMap.Name)
			}
		}
	}
	return names
}

// Tokens tells that a pod mounts a token of a service account.
func Tokens(pod *corev1.Pod) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				return true
			}
		}
	}
	return false
}
