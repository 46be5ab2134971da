package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validClaim checks a claim that stands for itself.
func validClaim(c *v1.PersistentVolumeClaim) errs { return claimSpec(specPath, &c.Spec) }

// claimSpec checks how much is asked for and what for, in a claim or in what a pod makes one of.
func claimSpec(at path, s *v1.PersistentVolumeClaimSpec) errs {
	size, asked := s.Resources.Requests[v1.ResourceStorage]
	storage := at.Child("resources").Key(string(v1.ResourceStorage))
	all := slices.Concat(
		when(len(s.AccessModes) == 0, field.Required(at.Child("accessModes"), "at least 1 access mode is required")),
		accessModes(at.Child("accessModes"), s.AccessModes),
		selector(at.Child("selector"), s.Selector),
		when(!asked, field.Required(storage, "")),
		oneOfPtr(at.Child("volumeMode"), s.VolumeMode, v1.PersistentVolumeBlock, v1.PersistentVolumeFilesystem),
		dataSource(at.Child("dataSource"), s.DataSource),
	)
	if asked {
		all = append(all, positiveQuantity(storage, size)...)
	}
	if s.StorageClassName != nil {
		all = append(all, mayValid(at.Child("storageClassName"), *s.StorageClassName, subdomain)...)
	}
	return all
}

// accessModes asks for modes that are known. One pod alone and many at once cannot both be wanted.
func accessModes(at path, modes []v1.PersistentVolumeAccessMode) errs {
	all := each(at, modes, func(_ path, m *v1.PersistentVolumeAccessMode) errs {
		return oneOf(at, *m, v1.ReadWriteOnce, v1.ReadOnlyMany, v1.ReadWriteMany, v1.ReadWriteOncePod)
	})
	alone := slices.Contains(modes, v1.ReadWriteOncePod) && len(modes) > 1
	return append(all, when(alone, field.Forbidden(at, "may not use ReadWriteOncePod with other access modes"))...)
}

// dataSource checks what a volume is filled from: in the core group only other claims can be that.
func dataSource(at path, s *v1.TypedLocalObjectReference) errs {
	if s == nil {
		return nil
	}
	core := s.APIGroup == nil || *s.APIGroup == ""
	return slices.Concat(
		need(at.Child("name"), s.Name),
		need(at.Child("kind"), s.Kind),
		when(core && s.Kind != "PersistentVolumeClaim",
			field.Invalid(at, s.Kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")),
	)
}

// updateClaim lets a claim be bound, and grow once it is; a class may be filled in that was left open.
func updateClaim(c, old *v1.PersistentVolumeClaim) errs {
	now, was := c.Spec.DeepCopy(), old.Spec.DeepCopy()
	if was.VolumeName == "" {
		was.VolumeName = now.VolumeName
	}
	if was.StorageClassName == nil {
		was.StorageClassName = now.StorageClassName
	}
	was.VolumeAttributesClassName = now.VolumeAttributesClassName
	var all errs
	if c.Status.Phase == v1.ClaimBound && now.Resources.Requests != nil && was.Resources.Requests != nil {
		size, before := now.Resources.Requests[v1.ResourceStorage], was.Resources.Requests[v1.ResourceStorage]
		capacity := old.Status.Capacity[v1.ResourceStorage]
		all = when(size.Cmp(before) < 0 && size.Cmp(capacity) < 0,
			field.Forbidden(specPath.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
		now.Resources.Requests[v1.ResourceStorage] = before
	}
	if equality.Semantic.DeepEqual(now, was) {
		return all
	}
	return append(all, field.Forbidden(specPath,
		"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"+diff.Diff(was, now)))
}

// updateClaimStatus checks how much there really is.
func updateClaimStatus(c, _ *v1.PersistentVolumeClaim) errs {
	at := field.NewPath("status", "capacity")
	var all errs
	for _, n := range ordered(c.Status.Capacity) {
		all = append(all, notNegativeQuantity(at.Key(string(n)), c.Status.Capacity[n])...)
	}
	return all
}
