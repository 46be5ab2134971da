package scheduler

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/preempt"
	"github.com/petcd/petcd/orchestrator/scheduler/queue"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// unschedulable tells why no node would take a pod, and makes room for it if there is a plan. The pod waits.
func (s *Scheduler) unschedulable(ctx context.Context, item *queue.Item, o *outcome) {
	pod, message := item.Pod.Pod, o.message()
	helps := o.helps
	var nominate *string
	switch {
	case o.plan != nil:
		if !s.makeRoom(ctx, item, o.plan) {
			return
		}
		nominate = &o.plan.Node.Name
		helps |= change.PodGone
	case o.preemption == preempt.Waits:
	default:
		var freed bool
		s.cluster.With(func(st *view.State) { freed = st.Unnominate(pod.UID) != "" })
		if freed {
			s.queue.Wake(change.PodGone)
		}
		nominate = new(string)
	}
	s.queue.Unschedulable(item, helps)
	klog.FromContext(ctx).V(2).Info("Unable to schedule pod; no fit; waiting", "pod", klog.KObj(pod), "err", message)
	s.events.Event(pod, v1.EventTypeWarning, "FailedScheduling", message)
	s.tell(ctx, pod, v1.PodReasonUnschedulable, message, nominate)
}

// fail tells of something that went wrong, and lets the pod be tried again soon.
func (s *Scheduler) fail(ctx context.Context, item *queue.Item, err error) {
	if ctx.Err() != nil {
		return // it failed because we stop: another scheduler will find the pod as it is
	}
	pod := item.Pod.Pod
	s.queue.Retry(item)
	if apierrors.IsNotFound(err) {
		klog.FromContext(ctx).V(2).Info("Pod is gone", "pod", klog.KObj(pod), "err", err)
		return
	}
	klog.FromContext(ctx).Error(err, "Error scheduling pod; retrying", "pod", klog.KObj(pod))
	message := truncate(err.Error())
	s.events.Event(pod, v1.EventTypeWarning, "FailedScheduling", message)
	s.tell(ctx, pod, v1.PodReasonSchedulerError, message, nil)
}

// tell patches a pod's condition PodScheduled, and where it is nominated to: nowhere if that is "", as before if nil. It
// returns at once, and does nothing if the pod says so already.
func (s *Scheduler) tell(ctx context.Context, pod *v1.Pod, reason, message string, nominated *string) {
	condition := v1.PodCondition{
		Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: reason, Message: message, ObservedGeneration: pod.Generation,
	}
	old := podScheduled(pod)
	said := old != nil && old.Status == condition.Status && old.Reason == reason && old.Message == message &&
		(nominated == nil || *nominated == pod.Status.NominatedNodeName)
	condition.LastTransitionTime = metav1.NewTime(s.clock.Now())
	if old != nil && old.Status == condition.Status {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	status := map[string]any{"conditions": []v1.PodCondition{condition}}
	if nominated != nil {
		status["nominatedNodeName"] = orNull(*nominated)
	}
	s.note(ctx, pod, status, said)
}

// orNull is null in JSON for "": a patch removes the field then.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// patchStatus changes fields of a pod's status. Another pod that has the name by now is left alone.
func (s *Scheduler) patchStatus(ctx context.Context, pod *v1.Pod, status map[string]any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	_, err = s.client.CoreV1().Pods(pod.Namespace).
		Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// podScheduled returns the condition of that type; nil if there is none.
func podScheduled(pod *v1.Pod) *v1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == v1.PodScheduled {
			return c
		}
	}
	return nil
}
