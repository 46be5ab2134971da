package status

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conditions are the pod's: the kubelet's own anew, all others as they were.
func conditions(pod *v1.Pod, s *v1.PodStatus, initialized bool, f *Facts) []v1.PodCondition {
	own := []v1.PodCondition{
		{Type: v1.PodReadyToStartContainers, Status: truth(f.sandboxReady(pod))},
		initializedCondition(pod, s, initialized),
		{Type: v1.PodReady},
		containersReady(pod, s),
		{Type: v1.PodScheduled, Status: v1.ConditionTrue},
	}
	own[2] = ready(pod, own[3])
	if f.End != nil && f.End.Condition != nil {
		own = append(own, *f.End.Condition)
	}
	var out []v1.PodCondition
	for _, c := range pod.Status.Conditions {
		if !slices.ContainsFunc(own, func(o v1.PodCondition) bool { return o.Type == c.Type }) {
			out = append(out, c)
		}
	}
	for _, c := range own {
		c.LastTransitionTime, c.ObservedGeneration = metav1.NewTime(f.Now), pod.Generation
		for _, before := range append(slices.Clone(f.Old.Conditions), pod.Status.Conditions...) {
			if before.Type == c.Type && before.Status == c.Status && !before.LastTransitionTime.IsZero() {
				c.LastTransitionTime = before.LastTransitionTime
				break
			}
		}
		out = append(out, c)
	}
	return out
}

// sandboxReady says whether the pod has its sandbox and, if it needs one, its address.
func (f *Facts) sandboxReady(pod *v1.Pod) bool {
	sandbox := f.State.Sandbox()
	return sandbox != nil && sandbox.Ready && (pod.Spec.HostNetwork || len(sandbox.IPs) > 0)
}

func initializedCondition(pod *v1.Pod, s *v1.PodStatus, initialized bool) v1.PodCondition {
	c := v1.PodCondition{Type: v1.PodInitialized, Status: v1.ConditionTrue}
	if s.Phase == v1.PodSucceeded {
		c.Reason = "PodCompleted"
		return c
	}
	if initialized {
		return c
	}
	var missing []string
	for i := range s.InitContainerStatuses {
		if !initDone(&pod.Spec.InitContainers[i], &s.InitContainerStatuses[i]) {
			missing = append(missing, s.InitContainerStatuses[i].Name)
		}
	}
	c.Status, c.Reason = v1.ConditionFalse, "ContainersNotInitialized"
	c.Message = fmt.Sprintf("containers with incomplete status: %s", missing)
	return c
}

func containersReady(pod *v1.Pod, s *v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.ContainersReady, Status: v1.ConditionFalse}
	switch s.Phase {
	case v1.PodSucceeded:
		c.Reason = "PodCompleted"
		return c
	case v1.PodFailed:
		c.Reason = "PodFailed"
		return c
	}
	var unready []string
	for i := range s.InitContainerStatuses {
		if Sidecar(&pod.Spec.InitContainers[i]) && !s.InitContainerStatuses[i].Ready {
			unready = append(unready, s.InitContainerStatuses[i].Name)
		}
	}
	for _, container := range s.ContainerStatuses {
		if !container.Ready {
			unready = append(unready, container.Name)
		}
	}
	if len(unready) > 0 {
		c.Reason, c.Message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %s", unready)
		return c
	}
	c.Status = v1.ConditionTrue
	return c
}

// ready is the containers' readiness, and that of the gates which others open.
func ready(pod *v1.Pod, containers v1.PodCondition) v1.PodCondition {
	c := containers
	c.Type = v1.PodReady
	if c.Status != v1.ConditionTrue {
		return c
	}
	var closed []string
	for _, gate := range pod.Spec.ReadinessGates {
		i := slices.IndexFunc(pod.Status.Conditions, func(c v1.PodCondition) bool { return c.Type == gate.ConditionType })
		switch {
		case i < 0:
			closed = append(closed, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case pod.Status.Conditions[i].Status != v1.ConditionTrue:
			closed = append(closed, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, pod.Status.Conditions[i].Status))
		}
	}
	if len(closed) > 0 {
		c.Status, c.Reason, c.Message = v1.ConditionFalse, "ReadinessGatesNotReady", strings.Join(closed, ", ")
	}
	return c
}

func truth(b bool) v1.ConditionStatus {
	if b {
		return v1.ConditionTrue
	}
	return v1.ConditionFalse
}
