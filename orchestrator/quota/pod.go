package quota

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// limitsPrefix is before what a quota counts of limits.
const limitsPrefix = "limits."

// addPod adds what a pod may use while it runs: its requests and limits, in the ways in which a quota may name them.
func addPod(used corev1.ResourceList, pod *corev1.Pod, now time.Time) {
	if !running(pod, now) {
		return
	}
	used[corev1.ResourcePods] = one()
	for name, amount := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{UseStatusResources: true}) {
		if plain(name) {
			used[name] = amount
		}
		if plain(name) || extended(name) {
			used[corev1.DefaultResourceRequestsPrefix+name] = amount
		}
	}
	for name, amount := range resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{UseStatusResources: true}) {
		if limitable(name) {
			used[limitsPrefix+name] = amount
		}
	}
}

// running tells that a pod has not ended, and that the node had no reason yet to report the end of one that is being deleted.
func running(pod *corev1.Pod, now time.Time) bool {
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return false
	}
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return true
	}
	grace := time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	return !now.After(pod.DeletionTimestamp.Add(grace))
}

func limitable(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
}

// plain names may stand in a quota without "requests.".
func plain(name corev1.ResourceName) bool {
	return limitable(name) || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// extended resources have a domain that is not Kubernetes' own: example.com/dongle.
func extended(name corev1.ResourceName) bool {
	s := string(name)
	return strings.Contains(s, "/") && !strings.Contains(s, corev1.ResourceDefaultNamespacePrefix) &&
		!strings.HasPrefix(s, corev1.DefaultResourceRequestsPrefix)
}

// bestEffort tells that no container asks for or is limited in processor or memory.
func bestEffort(pod *corev1.Pod) bool {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass == corev1.PodQOSBestEffort
	}
	if pod.Spec.Resources != nil && computes(*pod.Spec.Resources) {
		return false
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			if computes(containers[i].Resources) {
				return false
			}
		}
	}
	return true
}

func computes(r corev1.ResourceRequirements) bool {
	for _, list := range []corev1.ResourceList{r.Requests, r.Limits} {
		if !list.Cpu().IsZero() || !list.Memory().IsZero() {
			return true
		}
	}
	return false
}
