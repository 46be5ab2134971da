package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What fits of a provisioner's parameters.
const (
	maxParameters     = 512
	maxParametersSize = 256 * (1 << 10)
)

// validStorageClass checks who makes volumes of a class, and how.
func validStorageClass(c *storagev1.StorageClass) errs {
	at := field.NewPath("parameters")
	size := 0
	all := needValid(field.NewPath("provisioner"), c.Provisioner, caseless)
	for _, k := range ordered(c.Parameters) {
		size += len(k) + len(c.Parameters[k])
		all = append(all, when(k == "", field.Invalid(at, k, "field can not be empty."))...)
	}
	all = slices.Concat(all,
		when(len(c.Parameters) > maxParameters, field.TooLong(at, "", maxParameters)),
		when(size > maxParametersSize, field.TooLong(at, "", maxParametersSize)),
	)
	if c.ReclaimPolicy != nil {
		all = append(all, maybeOneOf(field.NewPath("reclaimPolicy"), *c.ReclaimPolicy,
			v1.PersistentVolumeReclaimDelete, v1.PersistentVolumeReclaimRetain)...)
	}
	if c.VolumeBindingMode == nil {
		return append(all, field.Required(field.NewPath("volumeBindingMode"), ""))
	}
	return append(all, oneOfPtr(field.NewPath("volumeBindingMode"), c.VolumeBindingMode,
		storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
}

// updateStorageClass keeps what volumes were made by.
func updateStorageClass(c, old *storagev1.StorageClass) errs {
	return slices.Concat(
		when(!equality.Semantic.DeepEqual(c.Parameters, old.Parameters),
			field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden.")),
		when(c.Provisioner != old.Provisioner, field.Forbidden(field.NewPath("provisioner"), "updates to provisioner are forbidden.")),
		when(!equality.Semantic.DeepEqual(c.ReclaimPolicy, old.ReclaimPolicy),
			field.Forbidden(field.NewPath("reclaimPolicy"), "updates to reclaimPolicy are forbidden.")),
		unchanged(field.NewPath("volumeBindingMode"), c.VolumeBindingMode, old.VolumeBindingMode),
	)
}
