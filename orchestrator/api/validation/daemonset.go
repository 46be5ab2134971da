package validation

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validDaemonSet checks which pods run on every node, and how they are updated.
func validDaemonSet(ds *appsv1.DaemonSet) errs {
	s := &ds.Spec
	return slices.Concat(
		workload(specPath, s.Selector, &s.Template, "DaemonSet", "empty selector is invalid for daemonset"),
		notNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds),
		daemonStrategy(specPath.Child("updateStrategy"), &s.UpdateStrategy),
		notNegativePtr(specPath.Child("revisionHistoryLimit"), s.RevisionHistoryLimit),
	)
}

// daemonStrategy asks that an update either takes daemons away first or adds new ones first: a node cannot have both.
func daemonStrategy(at path, s *appsv1.DaemonSetUpdateStrategy) errs {
	switch s.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
		at := at.Child("rollingUpdate")
		r := s.RollingUpdate
		if r == nil {
			return errs{field.Required(at, "")}
		}
		return slices.Concat(
			rolling(at, r.MaxUnavailable, r.MaxSurge),
			atMostAll(at.Child("maxSurge"), r.MaxSurge),
			when(!isZero(r.MaxUnavailable) && !isZero(r.MaxSurge),
				field.Invalid(at.Child("maxSurge"), r.MaxSurge, "may not be set when maxUnavailable is non-zero")),
			when(isZero(r.MaxUnavailable) && isZero(r.MaxSurge),
				field.Required(at.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0")),
		)
	}
	return errs{field.NotSupported(at, s, []appsv1.DaemonSetUpdateStrategyType{
		appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
}

// updateDaemonSet keeps the selector: pods made by the old one would be nobody's.
func updateDaemonSet(ds, old *appsv1.DaemonSet) errs {
	return unchanged(specPath.Child("selector"), ds.Spec.Selector, old.Spec.Selector)
}

// updateDaemonSetStatus checks the counts, which are of nodes rather than pods and may exceed each other.
func updateDaemonSetStatus(ds, old *appsv1.DaemonSet) errs {
	s := &ds.Status
	return slices.Concat(
		notNegative(statusPath.Child("currentNumberScheduled"), s.CurrentNumberScheduled),
		notNegative(statusPath.Child("numberMisscheduled"), s.NumberMisscheduled),
		notNegative(statusPath.Child("desiredNumberScheduled"), s.DesiredNumberScheduled),
		notNegative(statusPath.Child("numberReady"), s.NumberReady),
		notNegative(statusPath.Child("observedGeneration"), s.ObservedGeneration),
		notNegative(statusPath.Child("updatedNumberScheduled"), s.UpdatedNumberScheduled),
		notNegative(statusPath.Child("numberAvailable"), s.NumberAvailable),
		notNegative(statusPath.Child("numberUnavailable"), s.NumberUnavailable),
		collisions(statusPath.Child("collisionCount"), s.CollisionCount, old.Status.CollisionCount),
	)
}
