package clustertest

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// joined tells that ephemeral containers were added to a pod that runs, and that its status doesn't know all of them yet.
func joined(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodRunning && len(pod.Status.EphemeralContainerStatuses) < len(pod.Spec.EphemeralContainers)
}

// join starts the ephemeral containers that the status doesn't know yet. They are never ready: nobody waits for them.
func (p *pods) join(pod *v1.Pod) {
	known := &pod.Status.EphemeralContainerStatuses
	for i := range pod.Spec.EphemeralContainers {
		c := v1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		if slices.ContainsFunc(*known, func(s v1.ContainerStatus) bool { return s.Name == c.Name }) {
			continue
		}
		s, _, _ := p.container(pod, &c, metav1.Now())
		s.Ready, s.Started = false, nil
		*known = append(*known, s)
	}
}
