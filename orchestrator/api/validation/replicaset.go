package validation

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validReplicaSet checks how many pods of which template are kept. An empty selector is refused in a deployment's words, as ever.
func validReplicaSet(rs *appsv1.ReplicaSet) errs {
	s := &rs.Spec
	return slices.Concat(
		needCount(specPath.Child("replicas"), s.Replicas),
		notNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds),
		workload(specPath, s.Selector, &s.Template, "ReplicaSet", "empty selector is invalid for deployment"),
	)
}

// updateReplicaSet keeps the selector: pods made by the old one would be nobody's.
func updateReplicaSet(rs, old *appsv1.ReplicaSet) errs {
	return unchanged(specPath.Child("selector"), rs.Spec.Selector, old.Spec.Selector)
}

// updateReplicaSetStatus checks the counts.
func updateReplicaSetStatus(rs, _ *appsv1.ReplicaSet) errs {
	s := &rs.Status
	return replicaSetCounts(s.Replicas, s.FullyLabeledReplicas, s.ReadyReplicas, s.AvailableReplicas, s.ObservedGeneration)
}

// replicaSetCounts checks the counts that replica sets and replication controllers have alike.
func replicaSetCounts(replicas, labeled, ready, available int32, observed int64) errs {
	return slices.Concat(
		notNegative(statusPath.Child("observedGeneration"), observed),
		replicaCounts(statusPath, replicas, map[string]int32{
			"fullyLabeledReplicas": labeled, "readyReplicas": ready, "availableReplicas": available}),
		when(available > ready, field.Invalid(statusPath.Child("availableReplicas"), available, "cannot be greater than readyReplicas")),
	)
}

// validReplicationController checks the replica set of old, whose selector is a plain map and may be empty of nothing.
func validReplicationController(rc *v1.ReplicationController) errs {
	s := &rc.Spec
	all := slices.Concat(
		notNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds),
		when(len(s.Selector) == 0, field.Required(specPath.Child("selector"), "")),
		metavalidation.ValidateLabels(s.Selector, specPath.Child("selector")),
		needCount(specPath.Child("replicas"), s.Replicas),
	)
	if s.Template == nil {
		return append(all, field.Required(specPath.Child("template"), ""))
	}
	return slices.Concat(all,
		matches(specPath.Child("template", "metadata", "labels"), &metav1.LabelSelector{MatchLabels: s.Selector}, s.Template),
		foreverTemplate(specPath.Child("template"), s.Template, "ReplicationController"),
	)
}

// updateReplicationControllerStatus checks the counts.
func updateReplicationControllerStatus(rc, _ *v1.ReplicationController) errs {
	s := &rc.Status
	return replicaSetCounts(s.Replicas, s.FullyLabeledReplicas, s.ReadyReplicas, s.AvailableReplicas, s.ObservedGeneration)
}
