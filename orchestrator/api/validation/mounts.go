package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// volumeMounts checks where a container sees the pod's volumes: as files, or as block devices.
func volumeMounts(at path, c *v1.Container, s *v1.PodSpec) errs {
	volumes := map[string]*v1.Volume{}
	for i := range s.Volumes {
		volumes[s.Volumes[i].Name] = &s.Volumes[i]
	}
	devices, devicePaths := map[string]bool{}, map[string]bool{}
	for _, d := range c.VolumeDevices {
		devices[d.Name], devicePaths[d.DevicePath] = true, true
	}
	mounted, mountPaths := map[string]bool{}, map[string]bool{}

	all := each(at.Child("volumeMounts"), c.VolumeMounts, func(at path, m *v1.VolumeMount) errs {
		twice := mountPaths[m.MountPath]
		mounted[m.Name], mountPaths[m.MountPath] = true, true
		return slices.Concat(
			volumeName(at.Child("name"), m.Name, volumes),
			need(at.Child("mountPath"), m.MountPath),
			when(twice, field.Invalid(at.Child("mountPath"), m.MountPath, "must be unique")),
			when(devices[m.Name], field.Invalid(at.Child("name"), m.Name, "must not already exist in volumeDevices")),
			when(devicePaths[m.MountPath],
				field.Invalid(at.Child("mountPath"), m.MountPath, "must not already exist as a path in volumeDevices")),
			when(m.SubPath != "" && m.SubPathExpr != "",
				field.Invalid(at.Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive")),
			pathInside(at.Child("subPath"), m.SubPath),
			pathInside(at.Child("subPathExpr"), m.SubPathExpr),
			propagation(at.Child("mountPropagation"), m.MountPropagation, c),
			recursiveReadOnly(at.Child("recursiveReadOnly"), m),
		)
	})
	deviceNames, used := map[string]bool{}, map[string]bool{}
	return append(all, each(at.Child("volumeDevices"), c.VolumeDevices, func(at path, d *v1.VolumeDevice) errs {
		nameTwice, pathTwice := deviceNames[d.Name], used[d.DevicePath]
		deviceNames[d.Name], used[d.DevicePath] = true, true
		v := volumes[d.Name]
		return slices.Concat(
			volumeName(at.Child("name"), d.Name, volumes),
			when(nameTwice, field.Invalid(at.Child("name"), d.Name, "must be unique")),
			need(at.Child("devicePath"), d.DevicePath),
			when(pathTwice, field.Invalid(at.Child("devicePath"), d.DevicePath, "must be unique")),
			noBacksteps(at.Child("devicePath"), d.DevicePath),
			when(v != nil && v.PersistentVolumeClaim == nil && v.Ephemeral == nil, field.Invalid(at.Child("name"), d.Name,
				"can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode")),
			when(mounted[d.Name], field.Invalid(at.Child("name"), d.Name, "must not already exist in volumeMounts")),
			when(mountPaths[d.DevicePath],
				field.Invalid(at.Child("devicePath"), d.DevicePath, "must not already exist as a path in volumeMounts")),
		)
	})...)
}

// volumeName asks for one of the pod's volumes.
func volumeName(at path, name string, volumes map[string]*v1.Volume) errs {
	if name == "" {
		return need(at, name)
	}
	return when(volumes[name] == nil, field.NotFound(at, name))
}

// propagation asks for privileges where a container's mounts shall be seen by the node.
func propagation(at path, mode *v1.MountPropagationMode, c *v1.Container) errs {
	if mode == nil {
		return nil
	}
	privileged := c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
	return slices.Concat(
		when(*mode == v1.MountPropagationBidirectional && !privileged,
			field.Forbidden(at, "Bidirectional mount propagation is available only to privileged containers")),
		oneOfPtr(at, mode, v1.MountPropagationBidirectional, v1.MountPropagationHostToContainer, v1.MountPropagationNone),
	)
}

// recursiveReadOnly asks that what is read-only all the way down is read-only to begin with.
func recursiveReadOnly(at path, m *v1.VolumeMount) errs {
	if m.RecursiveReadOnly == nil || *m.RecursiveReadOnly == v1.RecursiveReadOnlyDisabled {
		return nil
	}
	return slices.Concat(
		oneOfPtr(at, m.RecursiveReadOnly, v1.RecursiveReadOnlyDisabled, v1.RecursiveReadOnlyIfPossible, v1.RecursiveReadOnlyEnabled),
		when(!m.ReadOnly, field.Forbidden(at, "may only be specified when readOnly is true")),
		when(m.MountPropagation != nil && *m.MountPropagation != v1.MountPropagationNone,
			field.Forbidden(at, "may only be specified when mountPropagation is None or not specified")),
	)
}
