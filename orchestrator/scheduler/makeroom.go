package scheduler

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/preempt"
	"github.com/petcd/petcd/orchestrator/scheduler/queue"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// makeRoom carries out a plan: the pod is nominated to the node at once, so that no pod of lower priority takes what becomes free,
// and the victims are deleted by a goroutine. It returns false, and does nothing, if the pod is gone.
func (s *Scheduler) makeRoom(ctx context.Context, item *queue.Item, plan *preempt.Plan) bool {
	pod, node, victims := item.Pod, plan.Node.Name, plan.Victims
	var lesser []*view.Pod
	var left string
	gone := false
	s.cluster.With(func(st *view.State) {
		if gone = !s.queue.Has(item); gone {
			return
		}
		for _, p := range st.Nominated(node) {
			if p.Priority < pod.Priority {
				lesser = append(lesser, p)
			}
		}
		for _, p := range lesser {
			st.Unnominate(p.Key()) // what they were promised there goes to this pod
		}
		left = st.Unnominate(pod.Key())
		st.Nominate(pod, node)
		for _, v := range victims {
			st.Doom(v.Key(), true)
		}
	})
	if gone {
		return false
	}
	for _, p := range lesser {
		s.note(ctx, p.Pod, map[string]any{"nominatedNodeName": nil}, false)
	}
	if len(lesser) > 0 || (left != "" && left != node) {
		s.queue.Wake(change.PodGone) // the lesser must look elsewhere; where the pod was to go before, others may
	}
	s.metrics.victims.Add(float64(len(victims)))
	s.tasks.Go(func() {
		for _, v := range victims {
			err := s.remove(ctx, v.Pod, pod.Pod, node)
			if err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "Error preempting pod", "pod", klog.KObj(v.Pod), "preemptor", klog.KObj(pod.Pod))
				s.cluster.With(func(st *view.State) { st.Doom(v.Key(), false) })
				s.queue.Wake(change.PodGone) // somebody must try again
			}
		}
	})
	return true
}

// remove deletes a victim, after it says why. One that is on its way out already needn't be told.
func (s *Scheduler) remove(ctx context.Context, victim, preemptor *v1.Pod, node string) error {
	if victim.DeletionTimestamp != nil {
		return nil
	}
	condition := v1.PodCondition{
		Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: v1.PodReasonPreemptionByScheduler,
		Message:            fmt.Sprintf("%s: preempting to accommodate a higher priority pod", Name),
		ObservedGeneration: victim.Generation, LastTransitionTime: metav1.NewTime(s.clock.Now()),
	}
	err := s.patchStatus(ctx, victim, map[string]any{"conditions": []v1.PodCondition{condition}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.client.CoreV1().Pods(victim.Namespace).Delete(ctx, victim.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(victim.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete pod %s/%s: %w", victim.Namespace, victim.Name, err)
	}
	s.events.Eventf(victim, v1.EventTypeNormal, "Preempted", "Preempted by pod %v on node %v", preemptor.UID, node)
	return nil
}
