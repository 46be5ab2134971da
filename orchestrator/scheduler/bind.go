package scheduler

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/queue"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
	"github.com/petcd/petcd/orchestrator/scheduler/volume"
)

// bind tells the apiserver where an assumed pod belongs, after its volumes are there. If that fails the pod is no longer assumed.
func (s *Scheduler) bind(ctx context.Context, item *queue.Item, node string, reserved *volume.Reservation) error {
	defer reserved.Release()
	pod := item.Pod
	err := reserved.Commit(ctx, node)
	if err == nil {
		s.notes.drop(pod.Key()) // why it had no node
		err = s.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &v1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
			Target:     v1.ObjectReference{Kind: "Node", Name: node},
		}, metav1.CreateOptions{})
	}
	if err != nil {
		s.cluster.With(func(st *view.State) { st.Forget(pod.Key()) })
		s.queue.Wake(change.PodGone) // it held room that others may have wanted
		return fmt.Errorf("binding rejected: %w", err)
	}
	s.queue.Done(item)
	klog.FromContext(ctx).V(2).Info("Successfully bound pod to node", "pod", klog.KObj(pod.Pod), "node", node)
	s.events.Eventf(pod.Pod, v1.EventTypeNormal, "Scheduled", "Successfully assigned %v/%v to %v", pod.Namespace, pod.Name, node)
	return nil
}
