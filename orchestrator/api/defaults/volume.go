package defaults

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// tokenSeconds is how long a projected service account token lasts.
const tokenSeconds = 60 * 60

// volume defaults a pod's volume. One without a source is an empty folder.
func volume(v *v1.Volume) {
	s := &v.VolumeSource
	if ptr.AllPtrFieldsNil(s) {
		s.EmptyDir = &v1.EmptyDirVolumeSource{}
	}
	hostPath(s.HostPath)
	azureDisk(s.AzureDisk)
	projected(s.Projected)
	if s.Secret != nil {
		point(&s.Secret.DefaultMode, v1.SecretVolumeSourceDefaultMode)
	}
	if s.ConfigMap != nil {
		point(&s.ConfigMap.DefaultMode, v1.ConfigMapVolumeSourceDefaultMode)
	}
	if s.DownwardAPI != nil {
		point(&s.DownwardAPI.DefaultMode, v1.DownwardAPIVolumeSourceDefaultMode)
		downwardFiles(s.DownwardAPI.Items)
	}
	if s.ISCSI != nil {
		set(&s.ISCSI.ISCSIInterface, "default")
	}
	if s.RBD != nil {
		rbd(&s.RBD.RBDPool, &s.RBD.RadosUser, &s.RBD.Keyring)
	}
	if s.ScaleIO != nil {
		scaleIO(&s.ScaleIO.StorageMode, &s.ScaleIO.FSType)
	}
	if s.Ephemeral != nil && s.Ephemeral.VolumeClaimTemplate != nil {
		claimSpec(&s.Ephemeral.VolumeClaimTemplate.Spec)
	}
	if s.Image != nil {
		set(&s.Image.PullPolicy, pullPolicy(s.Image.Reference))
	}
}

// hostPath checks nothing about what is at the path.
func hostPath(s *v1.HostPathVolumeSource) {
	if s != nil {
		point(&s.Type, v1.HostPathUnset)
	}
}

// azureDisk is the same for pods and for persistent volumes. So are the two that follow, but for their types.
func azureDisk(s *v1.AzureDiskVolumeSource) {
	if s != nil {
		point(&s.CachingMode, v1.AzureDataDiskCachingReadWrite)
		point(&s.Kind, v1.AzureSharedBlobDisk)
		point(&s.FSType, "ext4")
		point(&s.ReadOnly, false)
	}
}

// rbd takes the fields of either type that names a Ceph block device.
func rbd(pool, user, keyring *string) {
	set(pool, "rbd")
	set(user, "admin")
	set(keyring, "/etc/ceph/keyring")
}

// scaleIO takes the fields of either type that names a ScaleIO volume.
func scaleIO(mode, fsType *string) {
	set(mode, "ThinProvisioned")
	set(fsType, "xfs")
}

// projected is a folder of files of several sources.
func projected(s *v1.ProjectedVolumeSource) {
	if s == nil {
		return
	}
	point(&s.DefaultMode, v1.ProjectedVolumeSourceDefaultMode)
	for i := range s.Sources {
		if d := s.Sources[i].DownwardAPI; d != nil {
			downwardFiles(d.Items)
		}
		if t := s.Sources[i].ServiceAccountToken; t != nil {
			point(&t.ExpirationSeconds, int64(tokenSeconds))
		}
		if c := s.Sources[i].PodCertificate; c != nil {
			point(&c.MaxExpirationSeconds, int32(certificateSeconds))
		}
	}
}

// downwardFiles are files that hold fields of their pod.
func downwardFiles(files []v1.DownwardAPIVolumeFile) {
	for i := range files {
		fieldRef(files[i].FieldRef)
	}
}
