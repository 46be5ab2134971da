package replicas

import (
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
)

// statusOf is a set's status after a sync that may have failed.
func statusOf(set *apps.ReplicaSet, active []*v1.Pod, leaving int, failed error, now time.Time) *apps.ReplicaSetStatus {
	status := &apps.ReplicaSetStatus{
		Replicas: int32(len(active)), TerminatingReplicas: ptr.To(int32(leaving)),
		ObservedGeneration: set.Generation, Conditions: slices.Clone(set.Status.Conditions),
	}
	template := labels.Set(set.Spec.Template.Labels).AsSelectorPreValidated()
	for _, pod := range active {
		if template.Matches(labels.Set(pod.Labels)) {
			status.FullyLabeledReplicas++
		}
		if controller.Ready(pod) {
			status.ReadyReplicas++
		}
		if controller.Available(pod, set.Spec.MinReadySeconds, now) {
			status.AvailableReplicas++
		}
	}
	isFailure := func(c apps.ReplicaSetCondition) bool { return c.Type == apps.ReplicaSetReplicaFailure }
	switch has := slices.ContainsFunc(status.Conditions, isFailure); {
	case failed == nil:
		status.Conditions = slices.DeleteFunc(status.Conditions, isFailure)
	case !has:
		reason := "FailedCreate"
		if len(active) > int(controller.Replicas(set.Spec.Replicas)) {
			reason = "FailedDelete"
		}
		status.Conditions = append(status.Conditions, apps.ReplicaSetCondition{
			Type: apps.ReplicaSetReplicaFailure, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(now),
			Reason: reason, Message: failed.Error(),
		})
	}
	return status
}
