package validation

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validStatefulSet checks which pods with names of their own are kept, in which order, and what becomes of their claims.
func validStatefulSet(ss *appsv1.StatefulSet) errs {
	s := &ss.Spec
	all := slices.Concat(
		podManagement(specPath.Child("podManagementPolicy"), s.PodManagementPolicy),
		statefulStrategy(specPath.Child("updateStrategy"), &s.UpdateStrategy),
		claimRetention(specPath.Child("persistentVolumeClaimRetentionPolicy"), s.PersistentVolumeClaimRetentionPolicy),
		needCount(specPath.Child("replicas"), s.Replicas),
		notNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds),
		notNegativePtr(specPath.Child("revisionHistoryLimit"), s.RevisionHistoryLimit),
		workload(specPath, s.Selector, &s.Template, "StatefulSet", "empty selector is invalid for statefulset"),
	)
	if s.Ordinals != nil {
		all = append(all, notNegative(specPath.Child("ordinals", "start"), s.Ordinals.Start)...)
	}
	return all
}

// newStatefulSet asks for a service whose name can be part of the pods' host names.
func newStatefulSet(ss *appsv1.StatefulSet) errs {
	return mayValid(specPath.Child("serviceName"), ss.Spec.ServiceName, subdomain)
}

// podManagement asks whether pods are made one after another.
func podManagement(at path, p appsv1.PodManagementPolicyType) errs {
	switch p {
	case "":
		return errs{field.Required(at, "")}
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
		return nil
	}
	return errs{field.Invalid(at, p,
		fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement))}
}

// statefulStrategy checks how pods are replaced by newer ones, from the last down to the partition.
func statefulStrategy(at path, s *appsv1.StatefulSetUpdateStrategy) errs {
	r := s.RollingUpdate
	at, kind := at.Child("rollingUpdate"), at
	switch s.Type {
	case "":
		return errs{field.Required(kind, "")}
	case appsv1.OnDeleteStatefulSetStrategyType:
		return when(r != nil, field.Invalid(at, r,
			fmt.Sprintf("only allowed for updateStrategy '%s'", appsv1.RollingUpdateStatefulSetStrategyType)))
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if r == nil {
			return nil
		}
		return slices.Concat(
			notNegativePtr(at.Child("partition"), r.Partition),
			countOrPercent(at.Child("maxUnavailable"), r.MaxUnavailable),
			atMostAll(at.Child("maxUnavailable"), r.MaxUnavailable),
			when(r.MaxUnavailable != nil && isZero(r.MaxUnavailable),
				field.Invalid(at.Child("maxUnavailable"), r.MaxUnavailable, "cannot be 0")),
		)
	}
	return errs{field.Invalid(kind, s, fmt.Sprintf("must be '%s' or '%s'",
		appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType))}
}

// claimRetention checks whether claims outlive their pods.
func claimRetention(at path, p *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy) errs {
	if p == nil {
		return nil
	}
	keep, drop := appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	return append(
		oneOf(at.Child("whenDeleted"), p.WhenDeleted, keep, drop),
		oneOf(at.Child("whenScaled"), p.WhenScaled, keep, drop)...,
	)
}

// updateStatefulSet keeps what names and claims of pods are made from.
func updateStatefulSet(ss, old *appsv1.StatefulSet) errs {
	now, was := ss.Spec.DeepCopy(), &old.Spec
	now.Replicas = was.Replicas
	now.Ordinals = was.Ordinals
	now.Template = was.Template
	now.UpdateStrategy = was.UpdateStrategy
	now.MinReadySeconds = was.MinReadySeconds
	now.RevisionHistoryLimit = was.RevisionHistoryLimit
	now.PersistentVolumeClaimRetentionPolicy = was.PersistentVolumeClaimRetentionPolicy
	return when(!equality.Semantic.DeepEqual(now, was), field.Forbidden(specPath,
		"updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "+
			"'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"))
}

// updateStatefulSetStatus checks the counts.
func updateStatefulSetStatus(ss, old *appsv1.StatefulSet) errs {
	s := &ss.Status
	return slices.Concat(
		replicaCounts(statusPath, s.Replicas, map[string]int32{"readyReplicas": s.ReadyReplicas, "currentReplicas": s.CurrentReplicas,
			"updatedReplicas": s.UpdatedReplicas, "availableReplicas": s.AvailableReplicas}),
		notNegative(statusPath.Child("observedGeneration"), s.ObservedGeneration),
		when(s.AvailableReplicas > s.ReadyReplicas,
			field.Invalid(statusPath.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than status.readyReplicas")),
		collisions(statusPath.Child("collisionCount"), s.CollisionCount, old.Status.CollisionCount),
	)
}

// validControllerRevision checks one of the templates that a controller keeps to go back to.
func validControllerRevision(r *appsv1.ControllerRevision) errs {
	return slices.Concat(
		when(len(r.Data.Raw) == 0 && r.Data.Object == nil, field.Required(field.NewPath("data"), "data is mandatory")),
		notNegative(field.NewPath("revision"), r.Revision),
	)
}

// updateControllerRevision keeps the template: a revision is what was.
func updateControllerRevision(r, old *appsv1.ControllerRevision) errs {
	return unchanged(field.NewPath("data"), r.Data, old.Data)
}
