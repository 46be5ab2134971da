package validation

import (
	v1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validNamespace checks the finalizers of the spec, which the subresource finalize changes.
func validNamespace(n *v1.Namespace) errs {
	at := specPath.Child("finalizers")
	return each(at, n.Spec.Finalizers, func(_ path, f *v1.FinalizerName) errs {
		return append(apivalidation.ValidateFinalizerName(string(*f), at), standardFinalizer(at, string(*f))...)
	})
}

// updateNamespaceStatus ties the phase to whether the namespace is being deleted.
func updateNamespaceStatus(n, _ *v1.Namespace) errs {
	at, phase := statusPath.Child("phase"), n.Status.Phase
	if n.DeletionTimestamp.IsZero() {
		return when(phase != v1.NamespaceActive, field.Invalid(at, phase, "may only be 'Active' if `deletionTimestamp` is empty"))
	}
	return when(phase != v1.NamespaceTerminating,
		field.Invalid(at, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"))
}
