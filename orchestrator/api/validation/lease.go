package validation

import (
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validLease asks that a lease lasts. Who holds it may be nobody: so a leader gives it back.
func validLease(l *coordinationv1.Lease) errs {
	seconds := l.Spec.LeaseDurationSeconds
	return slices.Concat(
		when(seconds != nil && *seconds <= 0,
			field.Invalid(specPath.Child("leaseDurationSeconds"), seconds, "must be greater than 0")),
		notNegativePtr(specPath.Child("leaseTransitions"), l.Spec.LeaseTransitions),
	)
}
