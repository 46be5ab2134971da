package validation

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// statusPath is where all that have a status have it.
var statusPath = field.NewPath("status")

// validDeployment checks which pods are kept, how they are replaced by newer ones, and when that counts as stuck.
func validDeployment(d *appsv1.Deployment) errs {
	s := &d.Spec
	deadline := specPath.Child("progressDeadlineSeconds")
	return slices.Concat(
		needCount(specPath.Child("replicas"), s.Replicas),
		workload(specPath, s.Selector, &s.Template, "ReplicaSet", "empty selector is invalid for deployment"),
		deploymentStrategy(specPath.Child("strategy"), &s.Strategy),
		notNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds),
		notNegativePtr(specPath.Child("revisionHistoryLimit"), s.RevisionHistoryLimit),
		notNegativePtr(deadline, s.ProgressDeadlineSeconds),
		when(s.ProgressDeadlineSeconds != nil && *s.ProgressDeadlineSeconds <= s.MinReadySeconds,
			field.Invalid(deadline, s.ProgressDeadlineSeconds, "must be greater than minReadySeconds")),
	)
}

// deploymentStrategy asks for a way to replace pods by which something can happen.
func deploymentStrategy(at path, s *appsv1.DeploymentStrategy) errs {
	r := s.RollingUpdate
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		return when(r != nil, field.Forbidden(at.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'"))
	case appsv1.RollingUpdateDeploymentStrategyType:
		at := at.Child("rollingUpdate")
		if r == nil {
			return errs{field.Required(at, "this should be defaulted and never be nil")}
		}
		return append(rolling(at, r.MaxUnavailable, r.MaxSurge), when(isZero(r.MaxUnavailable) && isZero(r.MaxSurge),
			field.Invalid(at.Child("maxUnavailable"), r.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))...)
	}
	return errs{field.NotSupported(at, s, []appsv1.DeploymentStrategyType{
		appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
}

// updateDeployment keeps the selector: replica sets made by the old one would be nobody's.
func updateDeployment(d, old *appsv1.Deployment) errs {
	return unchanged(specPath.Child("selector"), d.Spec.Selector, old.Spec.Selector)
}

// updateDeploymentStatus checks the counts, and that collisions of names are not forgotten.
func updateDeploymentStatus(d, old *appsv1.Deployment) errs {
	s := &d.Status
	return slices.Concat(
		notNegative(statusPath.Child("observedGeneration"), s.ObservedGeneration),
		notNegative(statusPath.Child("unavailableReplicas"), s.UnavailableReplicas),
		replicaCounts(statusPath, s.Replicas, map[string]int32{
			"updatedReplicas": s.UpdatedReplicas, "readyReplicas": s.ReadyReplicas, "availableReplicas": s.AvailableReplicas}),
		when(s.AvailableReplicas > s.ReadyReplicas,
			field.Invalid(statusPath.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas")),
		collisions(statusPath.Child("collisionCount"), s.CollisionCount, old.Status.CollisionCount),
	)
}
