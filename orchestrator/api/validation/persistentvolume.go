package validation

import (
	slashpath "path"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validVolume checks how large a volume is, who may use it how, and where it is.
func validVolume(pv *v1.PersistentVolume) errs {
	s := &pv.Spec
	return slices.Concat(
		when(len(s.AccessModes) == 0, field.Required(specPath.Child("accessModes"), "")),
		accessModes(specPath.Child("accessModes"), s.AccessModes),
		volumeCapacity(specPath.Child("capacity"), s.Capacity),
		maybeOneOf(specPath.Child("persistentVolumeReclaimPolicy"), s.PersistentVolumeReclaimPolicy,
			v1.PersistentVolumeReclaimDelete, v1.PersistentVolumeReclaimRecycle, v1.PersistentVolumeReclaimRetain),
		oneMember(specPath, &s.PersistentVolumeSource, "must specify a volume type", "may not specify more than 1 volume type"),
		persistentSource(specPath, s),
		mayValid(specPath.Child("storageClassName"), s.StorageClassName, subdomain),
		oneOfPtr(specPath.Child("volumeMode"), s.VolumeMode, v1.PersistentVolumeBlock, v1.PersistentVolumeFilesystem),
		volumeNodes(specPath.Child("nodeAffinity"), s),
	)
}

// volumeCapacity asks for a size, and for nothing else: a volume has nothing else.
func volumeCapacity(at path, c v1.ResourceList) errs {
	if len(c) == 0 {
		return errs{field.Required(at, "")}
	}
	size, sized := c[v1.ResourceStorage]
	if !sized || len(c) > 1 {
		return errs{field.NotSupported(at, c, []v1.ResourceName{v1.ResourceStorage})}
	}
	return positiveQuantity(at.Key(string(v1.ResourceStorage)), size)
}

// persistentSource checks where a volume's content is, for the sources that most have.
func persistentSource(at path, s *v1.PersistentVolumeSpec) errs {
	var all errs
	if h := s.HostPath; h != nil {
		at := at.Child("hostPath")
		all = slices.Concat(all, hostPath(at, h),
			when(slashpath.Clean(h.Path) == "/" && s.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimRecycle,
				field.Forbidden(specPath.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'")))
	}
	if l := s.Local; l != nil {
		at := at.Child("local")
		if l.Path == "" {
			all = append(all, need(at.Child("path"), "")...)
		} else {
			all = append(all, noBacksteps(at.Child("path"), l.Path)...)
		}
	}
	if n := s.NFS; n != nil {
		all = append(all, nfs(at.Child("nfs"), n)...)
	}
	if c := s.CSI; c != nil {
		at := at.Child("csi")
		all = slices.Concat(all, driver(at.Child("driver"), c.Driver), need(at.Child("volumeHandle"), c.VolumeHandle))
	}
	if d := s.GCEPersistentDisk; d != nil {
		all = append(all, gceDisk(at.Child("gcePersistentDisk"), d)...)
	}
	if d := s.AWSElasticBlockStore; d != nil {
		all = append(all, awsDisk(at.Child("awsElasticBlockStore"), d)...)
	}
	if d := s.ISCSI; d != nil {
		all = append(all, iscsi(at.Child("iscsi"), d.TargetPortal, d.IQN, d.Lun)...)
	}
	return all
}

// volumeNodes asks where a local volume is. Nobody could find it otherwise.
func volumeNodes(at path, s *v1.PersistentVolumeSpec) errs {
	a := s.NodeAffinity
	if a == nil {
		return when(s.Local != nil, field.Required(at, "Local volume requires node affinity"))
	}
	if a.Required == nil {
		return errs{field.Required(at.Child("required"), "must specify required node constraints")}
	}
	return nodeSelector(at.Child("required"), a.Required)
}

// updateVolume keeps a volume the one that it is.
func updateVolume(pv, old *v1.PersistentVolume) errs {
	now, was := &pv.Spec, &old.Spec
	var all errs
	if !equality.Semantic.DeepEqual(now.PersistentVolumeSource, was.PersistentVolumeSource) {
		all = errs{field.Forbidden(specPath.Child("persistentvolumesource"),
			"spec.persistentvolumesource is immutable after creation\n"+diff.Diff(was.PersistentVolumeSource, now.PersistentVolumeSource))}
	}
	return slices.Concat(all,
		unchanged(specPath.Child("volumeMode"), now.VolumeMode, was.VolumeMode),
		when(was.NodeAffinity != nil && !equality.Semantic.DeepEqual(now.NodeAffinity, was.NodeAffinity),
			field.Invalid(specPath.Child("nodeAffinity"), now.NodeAffinity, "field is immutable")),
	)
}
