package volume

import (
	"fmt"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/environment"
)

// Mounts are a container's mounts, of volumes that Setup has made. env is the container's environment, for subPathExpr.
func (m *Manager) Mounts(pod *v1.Pod, container *v1.Container, env []*runtimeapi.KeyValue) ([]*runtimeapi.Mount, error) {
	if err := checkUID(pod.UID); err != nil {
		return nil, err
	}
	if len(container.VolumeDevices) > 0 {
		return nil, fmt.Errorf("container %q wants block devices, which are not supported on this node", container.Name)
	}
	defer m.pods.lock(pod.UID)()
	mounts := make([]*runtimeapi.Mount, 0, len(container.VolumeMounts))
	for i := range container.VolumeMounts {
		mount, err := m.mount(pod, container, i, env)
		if err != nil {
			return nil, fmt.Errorf("failed to prepare mount %q of container %q: %w", container.VolumeMounts[i].Name, container.Name, err)
		}
		mounts = append(mounts, mount)
	}
	return mounts, nil
}

// mount makes the container's mount of a number.
func (m *Manager) mount(pod *v1.Pod, container *v1.Container, number int, env []*runtimeapi.KeyValue) (*runtimeapi.Mount, error) {
	wanted := &container.VolumeMounts[number]
	volume := volumeOf(pod, wanted.Name)
	if volume == nil {
		return nil, fmt.Errorf("the pod has no volume %q", wanted.Name)
	}
	if mode := wanted.RecursiveReadOnly; mode != nil && *mode == v1.RecursiveReadOnlyEnabled {
		return nil, fmt.Errorf("volume %q requested recursive read-only mode, but it is not supported by this node", wanted.Name)
	}
	propagation, err := propagation(wanted.MountPropagation)
	if err != nil {
		return nil, err
	}
	s, err := m.found(pod, volume)
	if err != nil {
		return nil, err
	}
	path := s.path()
	sub, err := subPath(wanted, env)
	if err != nil {
		return nil, err
	}
	if sub != "" {
		if path, err = m.bindSubPath(pod, container, number, s, sub); err != nil {
			return nil, fmt.Errorf("failed to prepare subPath for volumeMount %q of container %q: %w", wanted.Name, container.Name, err)
		}
	}
	return &runtimeapi.Mount{
		ContainerPath: filepath.Join("/", wanted.MountPath), HostPath: path, Readonly: wanted.ReadOnly || s.readOnly(), Propagation: propagation,
	}, nil
}

// volumeOf is the pod's volume of a name.
func volumeOf(pod *v1.Pod, name string) *v1.Volume {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == name {
			return &pod.Spec.Volumes[i]
		}
	}
	return nil
}

// propagation is what the runtime calls a mode of mount propagation.
func propagation(mode *v1.MountPropagationMode) (runtimeapi.MountPropagation, error) {
	switch {
	case mode == nil || *mode == v1.MountPropagationNone:
		return runtimeapi.MountPropagation_PROPAGATION_PRIVATE, nil
	case *mode == v1.MountPropagationHostToContainer:
		return runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER, nil
	case *mode == v1.MountPropagationBidirectional:
		return runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL, nil
	}
	return 0, fmt.Errorf("invalid MountPropagation mode: %q", *mode)
}

// subPath is the path in its volume that a mount means; "": all of the volume.
func subPath(mount *v1.VolumeMount, env []*runtimeapi.KeyValue) (string, error) {
	path := mount.SubPath
	if mount.SubPathExpr != "" {
		var missing string
		path = environment.Expand(mount.SubPathExpr, func(name string) (string, bool) {
			for _, e := range env {
				if e.Key == name {
					return string(e.Value), true
				}
			}
			missing = name
			return "", false
		})
		if missing != "" {
			return "", fmt.Errorf("failed to expand subPathExpr %q: missing value for %q", mount.SubPathExpr, missing)
		}
	}
	if filepath.IsAbs(path) {
		return "", fmt.Errorf("error SubPath `%s` must not be an absolute path", path)
	}
	if path != "" && !filepath.IsLocal(path) {
		return "", fmt.Errorf("unable to provision SubPath `%s`: must not contain '..'", path)
	}
	return path, nil
}
