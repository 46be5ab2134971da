package cgroup

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// QoS is a pod's class: what its status says, or what its requests and limits make it. Guaranteed is who has the same request and limit of
// CPU and of memory in every container, best effort who has none in any.
func QoS(pod *v1.Pod) v1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	all := make([]v1.ResourceRequirements, 0, len(pod.Spec.Containers)+len(pod.Spec.InitContainers))
	if r := pod.Spec.Resources; r != nil && len(r.Requests)+len(r.Limits) > 0 {
		all = append(all, *r)
	} else {
		for _, containers := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
			for i := range containers {
				all = append(all, containers[i].Resources)
			}
		}
	}
	some, guaranteed := false, true
	for i := range all {
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			request, limit := all[i].Requests[name], all[i].Limits[name]
			some = some || !request.IsZero() || !limit.IsZero()
			guaranteed = guaranteed && same(request, limit)
		}
	}
	switch {
	case !some:
		return v1.PodQOSBestEffort
	case guaranteed:
		return v1.PodQOSGuaranteed
	}
	return v1.PodQOSBurstable
}

// same says that there is a limit and the request is no less. A request that isn't there is the limit: so the apiserver would write it.
func same(request, limit resource.Quantity) bool {
	return !limit.IsZero() && (request.IsZero() || request.Cmp(limit) == 0)
}
