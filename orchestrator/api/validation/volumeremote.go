package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
)

// remoteSource checks the sources that some storage system serves: that the fields are there without which nothing can be found.
// What the values mean is the driver's affair.
func remoteSource(at path, s *v1.VolumeSource) errs {
	var all errs
	if d := s.GCEPersistentDisk; d != nil {
		all = append(all, gceDisk(at.Child("gcePersistentDisk"), d)...)
	}
	if d := s.AWSElasticBlockStore; d != nil {
		all = append(all, awsDisk(at.Child("awsElasticBlockStore"), d)...)
	}
	if d := s.ISCSI; d != nil {
		all = append(all, iscsi(at.Child("iscsi"), d.TargetPortal, d.IQN, d.Lun)...)
	}
	if d := s.GitRepo; d != nil {
		at := at.Child("gitRepo")
		all = slices.Concat(all, need(at.Child("repository"), d.Repository), pathInside(at.Child("directory"), d.Directory))
	}
	for _, f := range remoteFields(s) {
		all = append(all, need(at.Child(f.source, f.name), f.value)...)
	}
	return all
}

// needed is a string field of a source that may not be empty.
type needed struct{ source, name, value string }

// remoteFields lists the fields that are asked for of the sources that nothing else is asked of.
func remoteFields(s *v1.VolumeSource) []needed {
	var all []needed
	add := func(source, name, value string) { all = append(all, needed{source, name, value}) }
	if d := s.Glusterfs; d != nil {
		add("glusterfs", "endpoints", d.EndpointsName)
		add("glusterfs", "path", d.Path)
	}
	if d := s.RBD; d != nil {
		add("rbd", "image", d.RBDImage)
	}
	if d := s.FlexVolume; d != nil {
		add("flexVolume", "driver", d.Driver)
	}
	if d := s.Cinder; d != nil {
		add("cinder", "volumeID", d.VolumeID)
	}
	if d := s.AzureFile; d != nil {
		add("azureFile", "secretName", d.SecretName)
		add("azureFile", "shareName", d.ShareName)
	}
	if d := s.AzureDisk; d != nil {
		add("azureDisk", "diskName", d.DiskName)
		add("azureDisk", "diskURI", d.DataDiskURI)
	}
	if d := s.VsphereVolume; d != nil {
		add("vsphereVolume", "volumePath", d.VolumePath)
	}
	if d := s.Quobyte; d != nil {
		add("quobyte", "registry", d.Registry)
		add("quobyte", "volume", d.Volume)
	}
	if d := s.PhotonPersistentDisk; d != nil {
		add("photonPersistentDisk", "pdID", d.PdID)
	}
	if d := s.PortworxVolume; d != nil {
		add("portworxVolume", "volumeID", d.VolumeID)
	}
	if d := s.ScaleIO; d != nil {
		add("scaleIO", "gateway", d.Gateway)
		add("scaleIO", "system", d.System)
		add("scaleIO", "volumeName", d.VolumeName)
	}
	if d := s.StorageOS; d != nil {
		add("storageos", "volumeName", d.VolumeName)
	}
	return all
}

// Disks have so many partitions, and targets so many units, as fit a byte.
const maxByte = 255

// gceDisk asks for a disk of Google's.
func gceDisk(at path, d *v1.GCEPersistentDiskVolumeSource) errs {
	return append(need(at.Child("pdName"), d.PDName), between(at.Child("partition"), d.Partition, 0, maxByte)...)
}

// awsDisk asks for a disk of Amazon's.
func awsDisk(at path, d *v1.AWSElasticBlockStoreVolumeSource) errs {
	return append(need(at.Child("volumeID"), d.VolumeID), between(at.Child("partition"), d.Partition, 0, maxByte)...)
}

// iscsi asks for a target and one of its units.
func iscsi(at path, portal, iqn string, lun int32) errs {
	return slices.Concat(need(at.Child("targetPortal"), portal), need(at.Child("iqn"), iqn), between(at.Child("lun"), lun, 0, maxByte))
}
