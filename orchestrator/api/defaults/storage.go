package defaults

import (
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// storageClass deletes and binds at once.
func storageClass(c *storagev1.StorageClass) {
	point(&c.ReclaimPolicy, v1.PersistentVolumeReclaimDelete)
	point(&c.VolumeBindingMode, storagev1.VolumeBindingImmediate)
}

// csiDriver is taken to need nothing special, but to be attached before it is mounted.
func csiDriver(d *storagev1.CSIDriver) {
	s := &d.Spec
	point(&s.AttachRequired, true)
	point(&s.PodInfoOnMount, false)
	point(&s.StorageCapacity, false)
	point(&s.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	point(&s.RequiresRepublish, false)
	point(&s.SELinuxMount, false)
	if len(s.VolumeLifecycleModes) == 0 {
		s.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}
