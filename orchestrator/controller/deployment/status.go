package deployment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
)

// status is the Deployment's as its ReplicaSets' statuses make it. Progress is judged by judgeProgress.
func (r *rollout) status() *apps.DeploymentStatus {
	s := &apps.DeploymentStatus{
		ObservedGeneration: r.d.Generation, CollisionCount: r.d.Status.CollisionCount, Conditions: slices.Clone(r.d.Status.Conditions),
		TerminatingReplicas: ptr.To(int32(0)),
	}
	all := r.all()
	for _, set := range all {
		s.Replicas += set.Status.Replicas
		s.ReadyReplicas += set.Status.ReadyReplicas
		s.AvailableReplicas += set.Status.AvailableReplicas
		*s.TerminatingReplicas += ptr.Deref(set.Status.TerminatingReplicas, 0)
	}
	if r.current != nil {
		s.UpdatedReplicas = r.current.Status.Replicas
	}
	s.UnavailableReplicas = max(0, sizes(all)-s.AvailableReplicas)

	if _, unavailable := limits(r.d); s.AvailableReplicas >= wanted(r.d)-unavailable {
		r.set(s, apps.DeploymentAvailable, v1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability.")
	} else {
		r.set(s, apps.DeploymentAvailable, v1.ConditionFalse, "MinimumReplicasUnavailable",
			"Deployment does not have minimum availability.")
	}
	if f := r.failure(); f != nil {
		r.set(s, apps.DeploymentReplicaFailure, f.Status, f.Reason, f.Message)
	} else {
		unset(s, apps.DeploymentReplicaFailure)
	}
	return s
}

// failure is why a ReplicaSet cannot have its pods; the current one's comes first.
func (r *rollout) failure() *apps.ReplicaSetCondition {
	all := r.all()
	slices.Reverse(all)
	for _, set := range all {
		for i := range set.Status.Conditions {
			if c := &set.Status.Conditions[i]; c.Type == apps.ReplicaSetReplicaFailure {
				return c
			}
		}
	}
	return nil
}

// judgeProgress sets the condition that kubectl rollout status waits for.
func (r *rollout) judgeProgress(s *apps.DeploymentStatus) {
	limit := deadline(r.d)
	if limit == 0 {
		unset(s, apps.DeploymentProgressing)
		return
	}
	was := condition(s, apps.DeploymentProgressing)
	if was != nil && was.Reason == "NewReplicaSetAvailable" && s.Replicas == s.UpdatedReplicas {
		return // it is over: pods that fail now are no matter of the rollout
	}
	what := fmt.Sprintf("Deployment %q", r.d.Name)
	if r.current != nil {
		what = fmt.Sprintf("ReplicaSet %q", r.current.Name)
	}
	switch {
	case complete(r.d, s):
		r.setProgressing(s, v1.ConditionTrue, "NewReplicaSetAvailable", what+" has successfully progressed.")
	case progressed(&r.seen.Status, s):
		since := metav1.NewTime(r.clock.Now())
		if was != nil && was.Status == v1.ConditionTrue {
			since = was.LastTransitionTime
		}
		unset(s, apps.DeploymentProgressing) // so that the time of the last progress is noted
		r.setProgressing(s, v1.ConditionTrue, "ReplicaSetUpdated", what+" is progressing.")
		condition(s, apps.DeploymentProgressing).LastTransitionTime = since
	case was != nil && was.Reason != "NewReplicaSetAvailable" && was.LastUpdateTime.Add(limit).Before(r.clock.Now()):
		r.setProgressing(s, v1.ConditionFalse, "ProgressDeadlineExceeded", what+" has timed out progressing.")
	}
}

// notePause keeps the time of a pause from counting against the deadline.
func (r *rollout) notePause() {
	c := condition(&r.d.Status, apps.DeploymentProgressing)
	if deadline(r.d) == 0 || (c != nil && c.Reason == "ProgressDeadlineExceeded") {
		return
	}
	switch noted := c != nil && c.Reason == "DeploymentPaused"; {
	case r.d.Spec.Paused && !noted:
		r.setProgressing(&r.d.Status, v1.ConditionUnknown, "DeploymentPaused", "Deployment is paused")
	case !r.d.Spec.Paused && noted:
		r.setProgressing(&r.d.Status, v1.ConditionUnknown, "DeploymentResumed", "Deployment is resumed")
	}
}

// writeStatus writes a status that differs from what was seen.
func (r *rollout) writeStatus(ctx context.Context, s *apps.DeploymentStatus) error {
	if apiequality.Semantic.DeepEqual(&r.seen.Status, s) {
		return nil
	}
	d := r.d.DeepCopy()
	d.Status = *s
	if _, err := r.client.AppsV1().Deployments(d.Namespace).UpdateStatus(ctx, d, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update status of deployment %s/%s: %w", d.Namespace, d.Name, err)
	}
	return nil
}

// againBeforeDeadline has the Deployment looked at when its time for progress is over, for no event will tell.
func (r *rollout) againBeforeDeadline(s *apps.DeploymentStatus) error {
	limit, c := deadline(r.d), condition(s, apps.DeploymentProgressing)
	if limit == 0 || c == nil || complete(r.d, s) {
		return nil
	}
	if c.Reason == "ProgressDeadlineExceeded" || c.Reason == "NewReplicaSetAvailable" {
		return nil
	}
	left := c.LastUpdateTime.Add(limit).Sub(r.clock.Now())
	return controller.Later(max(0, left) + time.Second) // times are stored in whole seconds
}

// deadline is how long a rollout may make no progress; 0 is for ever.
func deadline(d *apps.Deployment) time.Duration {
	if s := d.Spec.ProgressDeadlineSeconds; s != nil && *s != math.MaxInt32 {
		return time.Duration(*s) * time.Second
	}
	return 0
}

// complete tells that all pods that are wanted are new and available, and no others are there.
func complete(d *apps.Deployment, s *apps.DeploymentStatus) bool {
	n := wanted(d)
	return s.UpdatedReplicas == n && s.Replicas == n && s.AvailableReplicas == n && s.ObservedGeneration >= d.Generation
}

// progressed tells that there is more of what shall be or less of what shall not.
func progressed(was, is *apps.DeploymentStatus) bool {
	return is.UpdatedReplicas > was.UpdatedReplicas || is.Replicas-is.UpdatedReplicas < was.Replicas-was.UpdatedReplicas ||
		is.ReadyReplicas > was.ReadyReplicas || is.AvailableReplicas > was.AvailableReplicas
}

func condition(s *apps.DeploymentStatus, typ apps.DeploymentConditionType) *apps.DeploymentCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == typ {
			return &s.Conditions[i]
		}
	}
	return nil
}

func unset(s *apps.DeploymentStatus, typ apps.DeploymentConditionType) {
	s.Conditions = slices.DeleteFunc(s.Conditions, func(c apps.DeploymentCondition) bool { return c.Type == typ })
}

func (r *rollout) setProgressing(s *apps.DeploymentStatus, status v1.ConditionStatus, reason, message string) {
	r.set(s, apps.DeploymentProgressing, status, reason, message)
}

// set sets a condition. One with the same status and reason stays as it is; one with the same status keeps the time of its
// transition.
func (r *rollout) set(s *apps.DeploymentStatus, typ apps.DeploymentConditionType, status v1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(r.clock.Now())
	c := apps.DeploymentCondition{
		Type: typ, Status: status, Reason: reason, Message: message, LastUpdateTime: now, LastTransitionTime: now,
	}
	if was := condition(s, typ); was != nil {
		if was.Status == status && was.Reason == reason {
			return
		}
		if was.Status == status {
			c.LastTransitionTime = was.LastTransitionTime
		}
	}
	unset(s, typ)
	s.Conditions = append(s.Conditions, c)
}
