package validation

import (
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validCSINode checks what drivers a node has, and where each of them thinks the node is.
func validCSINode(n *storagev1.CSINode) errs {
	at := specPath.Child("drivers")
	const maxNodeID = 192
	return slices.Concat(
		each(at, n.Spec.Drivers, func(at path, d *storagev1.CSINodeDriver) errs {
			return slices.Concat(
				driver(at.Child("name"), d.Name),
				need(at.Child("nodeID"), d.NodeID),
				when(len(d.NodeID) > maxNodeID, field.Invalid(at.Child("nodeID"), d.NodeID, "must be 192 characters or less")),
				each(at, d.TopologyKeys, func(_ path, k *string) errs { return qualified(at, *k) }),
				allocatable(at.Child("allocatable", "count"), d.Allocatable),
			)
		}),
		unique(at, n.Spec.Drivers, "name", func(d *storagev1.CSINodeDriver) string { return d.Name }),
	)
}

// allocatable checks how many volumes of a driver fit on a node, if the driver says so.
func allocatable(at path, r *storagev1.VolumeNodeResources) errs {
	if r == nil {
		return nil
	}
	return notNegativePtr(at, r.Count)
}

// updateCSINode keeps a driver's entry as it is for as long as the driver is there.
func updateCSINode(n, old *storagev1.CSINode) errs {
	return each(specPath.Child("drivers"), n.Spec.Drivers, func(at path, d *storagev1.CSINodeDriver) errs {
		i := slices.IndexFunc(old.Spec.Drivers, func(o storagev1.CSINodeDriver) bool { return o.Name == d.Name })
		if i < 0 {
			return nil
		}
		now, was := d.DeepCopy(), old.Spec.Drivers[i].DeepCopy()
		now.Allocatable, was.Allocatable = nil, nil // a driver may learn better
		return unchanged(at, *now, *was)
	})
}

// newCSIDriver asks for the name that the driver itself gives, which may have capitals.
func newCSIDriver(d *storagev1.CSIDriver) errs { return driver(metaPath.Child("name"), d.Name) }

// validCSIDriver checks what Kubernetes does for a driver. Defaulting fills most of it.
func validCSIDriver(d *storagev1.CSIDriver) errs {
	s := &d.Spec
	lasting, passing := storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral
	return slices.Concat(
		when(s.AttachRequired == nil, field.Required(specPath.Child("attachRequired"), "")),
		when(s.PodInfoOnMount == nil, field.Required(specPath.Child("podInfoOnMount"), "")),
		when(s.StorageCapacity == nil, field.Required(specPath.Child("storageCapacity"), "")),
		oneOfPtr(specPath.Child("fsGroupPolicy"), s.FSGroupPolicy,
			storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy, storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy),
		each(specPath.Child("volumeLifecycleModes"), s.VolumeLifecycleModes, func(_ path, m *storagev1.VolumeLifecycleMode) errs {
			return when(*m != lasting && *m != passing, field.NotSupported(specPath.Child("volumeLifecycleModes"), *m,
				[]storagev1.VolumeLifecycleMode{passing, lasting}))
		}),
	)
}

// updateCSIDriver keeps what volumes in use were attached by.
func updateCSIDriver(d, old *storagev1.CSIDriver) errs {
	return slices.Concat(
		unchanged(specPath.Child("attachRequired"), d.Spec.AttachRequired, old.Spec.AttachRequired),
		unchanged(specPath.Child("volumeLifecycleModes"), d.Spec.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes),
	)
}

// validVolumeAttachment checks which volume is attached to which node, and by which driver.
func validVolumeAttachment(a *storagev1.VolumeAttachment) errs {
	source := specPath.Child("source")
	set := a.Spec.Source
	all := slices.Concat(
		driver(specPath.Child("attacher"), a.Spec.Attacher),
		needValid(specPath.Child("nodeName"), a.Spec.NodeName, subdomain),
	)
	switch {
	case set.PersistentVolumeName == nil && set.InlineVolumeSpec == nil:
		return append(all, field.Required(source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case set.PersistentVolumeName != nil && set.InlineVolumeSpec != nil:
		return append(all, field.Forbidden(source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case set.PersistentVolumeName != nil:
		return append(all, needValid(source.Child("persistentVolumeName"), *set.PersistentVolumeName, subdomain)...)
	}
	return all
}

// updateVolumeAttachment keeps all of that: another attachment is another object.
func updateVolumeAttachment(a, old *storagev1.VolumeAttachment) errs {
	return when(!equality.Semantic.DeepEqual(a.Spec, old.Spec), field.Invalid(specPath, a.Spec, "field is immutable"))
}
