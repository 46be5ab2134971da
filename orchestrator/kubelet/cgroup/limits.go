package cgroup

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// limits are what a cgroup may use; 0 is no limit.
type limits struct {
	cpuShares        int64 // weight against its siblings; 1024 is one CPU
	cpuQuota, memory int64 // microseconds in each period, bytes
	pids             int64
}

const (
	minShares, maxShares = 2, 262144 // what the kernel takes
	sharesPerCPU         = 1024
	period               = 100_000 // microseconds that a CPU quota is for
	minQuota             = 1000    // the least that the kernel takes
)

// shares are the weight of a request for CPU.
func shares(milli int64) int64 {
	return min(max(milli*sharesPerCPU/1000, minShares), maxShares)
}

// quota is the time in a period that a limit of CPU gives.
func quota(milli int64) int64 {
	if milli <= 0 {
		return 0
	}
	return max(milli*period/1000, minQuota)
}

// podLimits are those of all containers of a pod together. Of a resource in which one container has no limit the pod has none either.
func podLimits(pod *v1.Pod, o *Options) *limits {
	l := &limits{cpuShares: minShares, pids: max(o.PodPidsLimit, 0)}
	if QoS(pod) == v1.PodQOSBestEffort {
		return l
	}
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	most := resource.PodLimits(pod, resource.PodResourcesOptions{})
	l.cpuShares = shares(requests.Cpu().MilliValue())
	if allLimited(pod, v1.ResourceCPU) && !o.NoCPUQuota {
		l.cpuQuota = quota(most.Cpu().MilliValue())
	}
	if allLimited(pod, v1.ResourceMemory) {
		l.memory = most.Memory().Value()
	}
	return l
}

// allLimited says whether a pod as a whole has a limit of a resource.
func allLimited(pod *v1.Pod, name v1.ResourceName) bool {
	if r := pod.Spec.Resources; r != nil {
		if q, ok := r.Limits[name]; ok && !q.IsZero() {
			return true
		}
	}
	for _, containers := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			if q := containers[i].Resources.Limits[name]; q.IsZero() {
				return false
			}
		}
	}
	return true
}

// Resources are a container's limits on a node of some capacity.
func Resources(pod *v1.Pod, container *v1.Container, capacity v1.ResourceList) *runtimeapi.LinuxContainerResources {
	request, limit := container.Resources.Requests, container.Resources.Limits
	weight := request.Cpu().MilliValue()
	if weight == 0 {
		weight = limit.Cpu().MilliValue()
	}
	return &runtimeapi.LinuxContainerResources{
		CpuShares: shares(weight), CpuPeriod: period, CpuQuota: quota(limit.Cpu().MilliValue()),
		MemoryLimitInBytes: limit.Memory().Value(), OomScoreAdj: oomScore(pod, container, capacity),
	}
}

const (
	oomGuaranteed = -997 // killed before the kubelet and the runtime, after all others
	oomBestEffort = 1000 // killed first
	oomRange      = 1000
)

// nodeCritical is the class of pods that a node can't do without.
const nodeCritical = "system-node-critical"

// oomScore says how early the kernel kills a container when memory runs out: the less of the node's memory it has asked for, the earlier.
func oomScore(pod *v1.Pod, container *v1.Container, capacity v1.ResourceList) int64 {
	if pod.Spec.PriorityClassName == nodeCritical {
		return oomGuaranteed
	}
	switch QoS(pod) {
	case v1.PodQOSGuaranteed:
		return oomGuaranteed
	case v1.PodQOSBestEffort:
		return oomBestEffort
	}
	memory := capacity.Memory().Value()
	if memory <= 0 {
		return oomBestEffort - 1
	}
	score := oomRange - float64(oomRange)*float64(container.Resources.Requests.Memory().Value())/float64(memory)
	return min(max(int64(score), oomRange+oomGuaranteed), oomBestEffort-1) // always between the other two classes
}
