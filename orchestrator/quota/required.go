package quota

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Unstated is an error when a quota has a limit of processor or memory that a container of the pod says nothing about: then nobody could tell how much the pod counts as. Its text is what the user is told.
func Unstated(q *corev1.ResourceQuota, pod *corev1.Pod) error {
	var faults []string
	for name := range q.Spec.Hard {
		var who []string
		switch base, isLimit := strings.CutPrefix(string(name), limitsPrefix); {
		case isLimit && mustState(corev1.ResourceName(base)):
			who = silent(pod, corev1.ResourceName(base), func(r *corev1.ResourceRequirements) corev1.ResourceList { return r.Limits })
		default:
			base := corev1.ResourceName(strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix))
			if mustState(base) {
				who = silent(pod, base, func(r *corev1.ResourceRequirements) corev1.ResourceList { return r.Requests })
			}
		}
		if len(who) > 0 {
			faults = append(faults, fmt.Sprintf("%s for: %s", name, strings.Join(who, ",")))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("must specify %s", strings.Join(faults, "; "))
}

func mustState(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory
}

// silent are the containers of a pod that leave a resource out, unless the pod as a whole states it.
func silent(pod *corev1.Pod, name corev1.ResourceName, of func(*corev1.ResourceRequirements) corev1.ResourceList) (who []string) {
	if r := pod.Spec.Resources; r != nil && resourcehelper.IsSupportedPodLevelResource(name) {
		if _, stated := of(r)[name]; stated {
			return nil
		}
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if _, stated := of(&containers[i].Resources)[name]; !stated {
				who = append(who, containers[i].Name)
			}
		}
	}
	slices.Sort(who)
	return who
}
