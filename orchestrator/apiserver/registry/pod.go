package registry

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// preparePod begins a pod's life.
func preparePod(_ context.Context, obj runtime.Object) {
	pod := obj.(*corev1.Pod)
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: qosClass(pod)}
	if len(pod.Spec.SchedulingGates) > 0 {
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
			Message: "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
}

// updatePod lets a pod be scheduled whose last gate was taken away.
func updatePod(_ context.Context, obj, old runtime.Object) {
	pod, was := obj.(*corev1.Pod), old.(*corev1.Pod)
	if len(was.Spec.SchedulingGates) > 0 && len(pod.Spec.SchedulingGates) == 0 {
		pod.Status = *was.Status.DeepCopy()
		pod.Status.Conditions = without(pod.Status.Conditions, corev1.PodScheduled)
	}
}

func without(conditions []corev1.PodCondition, typ corev1.PodConditionType) (kept []corev1.PodCondition) {
	for _, c := range conditions {
		if c.Type != typ {
			kept = append(kept, c)
		}
	}
	return kept
}

// updatePodStatus keeps what a kubelet must not change with the status.
func updatePodStatus(_ context.Context, obj, old runtime.Object) {
	pod, was := obj.(*corev1.Pod), old.(*corev1.Pod)
	pod.OwnerReferences = was.OwnerReferences
	pod.DeletionTimestamp = was.DeletionTimestamp
	if pod.Status.QOSClass == "" {
		pod.Status.QOSClass = was.Status.QOSClass
	}
}

// podGrace is the time that a pod's containers have to end. A pod that no node knows of, or that has ended, needs none.
func podGrace(obj runtime.Object, options *metav1.DeleteOptions) int64 {
	pod := obj.(*corev1.Pod)
	period := int64(corev1.DefaultTerminationGracePeriodSeconds)
	switch {
	case options.GracePeriodSeconds != nil:
		period = *options.GracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		period = *pod.Spec.TerminationGracePeriodSeconds
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return 0
	}
	if period < 0 {
		return 1 // negative means at once, but by way of the kubelet
	}
	return period
}

// qosClass is what a pod's requests and limits promise it: Guaranteed if all containers' cpu and memory have limits that are
// their requests, BestEffort if none has either.
func qosClass(pod *corev1.Pod) corev1.PodQOSClass {
	guaranteed, any := true, false
	containers := append(append([]corev1.Container(nil), pod.Spec.InitContainers...), pod.Spec.Containers...)
	for i := range containers {
		r := &containers[i].Resources
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := r.Requests[name], r.Limits[name]
			any = any || !request.IsZero() || !limit.IsZero()
			guaranteed = guaranteed && !limit.IsZero() && (request.IsZero() || request.Cmp(limit) == 0)
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}
