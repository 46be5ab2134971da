package registry

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/petcd/petcd/orchestrator/api/validation"
)

// NewEphemeralContainers returns the subresource by which containers for debugging are added to a pod.
func NewEphemeralContainers(pods *Store) *Status {
	return pods.with(&ephemeralStrategy{pods.strategy()})
}

// ephemeralStrategy lets only ephemeral containers change.
type ephemeralStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *ephemeralStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	pod, was := obj.(*corev1.Pod), old.(*corev1.Pod)
	containers := pod.Spec.EphemeralContainers
	*pod = *was.DeepCopy()
	pod.Spec.EphemeralContainers = containers
	s.countGeneration(pod, was)
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s *ephemeralStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return validation.UpdateEphemeralContainers(obj.(*corev1.Pod), old.(*corev1.Pod))
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *ephemeralStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldSet { return nil }
