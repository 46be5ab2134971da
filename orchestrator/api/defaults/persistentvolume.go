package defaults

import (
	v1 "k8s.io/api/core/v1"
)

// persistentVolume keeps what is on a volume when its claim goes, unless it says otherwise.
func persistentVolume(v *v1.PersistentVolume) {
	set(&v.Status.Phase, v1.VolumePending)
	set(&v.Spec.PersistentVolumeReclaimPolicy, v1.PersistentVolumeReclaimRetain)
	point(&v.Spec.VolumeMode, v1.PersistentVolumeFilesystem)
	round(v.Spec.Capacity)
	s := &v.Spec.PersistentVolumeSource
	hostPath(s.HostPath)
	azureDisk(s.AzureDisk)
	if s.ISCSI != nil {
		set(&s.ISCSI.ISCSIInterface, "default")
	}
	if s.RBD != nil {
		rbd(&s.RBD.RBDPool, &s.RBD.RadosUser, &s.RBD.Keyring)
	}
	if s.ScaleIO != nil {
		scaleIO(&s.ScaleIO.StorageMode, &s.ScaleIO.FSType)
	}
}

// persistentVolumeClaim is also for the claims that are part of a StatefulSet.
func persistentVolumeClaim(c *v1.PersistentVolumeClaim) {
	set(&c.Status.Phase, v1.ClaimPending)
	claimSpec(&c.Spec)
	round(c.Status.Capacity)
	round(c.Status.AllocatedResources)
}

// claimSpec is also for a pod's ephemeral volumes. The storage class is admission's.
func claimSpec(s *v1.PersistentVolumeClaimSpec) {
	point(&s.VolumeMode, v1.PersistentVolumeFilesystem)
	round(s.Resources.Limits)
	round(s.Resources.Requests)
}
