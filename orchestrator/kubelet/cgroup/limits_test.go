package cgroup

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// pod has one container per pair of requests and limits: "cpu memory", "" for none.
func pod(all ...[2]v1.ResourceList) *v1.Pod {
	p := &v1.Pod{}
	for _, r := range all {
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Resources: v1.ResourceRequirements{Requests: r[0], Limits: r[1]}})
	}
	return p
}

// list is a CPU and a memory quantity, "" for none.
func list(cpu, memory string) v1.ResourceList {
	l := v1.ResourceList{}
	if cpu != "" {
		l[v1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		l[v1.ResourceMemory] = resource.MustParse(memory)
	}
	return l
}

func TestQoS(t *testing.T) {
	none := v1.ResourceList{}
	full := list("1", "1Gi")
	for name, c := range map[string]struct {
		pod  *v1.Pod
		want v1.PodQOSClass
	}{
		"no container":              {pod(), v1.PodQOSBestEffort},
		"nothing":                   {pod([2]v1.ResourceList{none, none}), v1.PodQOSBestEffort},
		"other resources":           {pod([2]v1.ResourceList{{v1.ResourceEphemeralStorage: resource.MustParse("1Gi")}, none}), v1.PodQOSBestEffort},
		"zero":                      {pod([2]v1.ResourceList{list("0", "0"), none}), v1.PodQOSBestEffort},
		"request alone":             {pod([2]v1.ResourceList{full, none}), v1.PodQOSBurstable},
		"both the same":             {pod([2]v1.ResourceList{full, full}), v1.PodQOSGuaranteed},
		"limit alone":               {pod([2]v1.ResourceList{none, full}), v1.PodQOSGuaranteed},
		"limit higher":              {pod([2]v1.ResourceList{full, list("2", "1Gi")}), v1.PodQOSBurstable},
		"memory alone":              {pod([2]v1.ResourceList{list("", "1Gi"), list("", "1Gi")}), v1.PodQOSBurstable},
		"one of two containers":     {pod([2]v1.ResourceList{full, full}, [2]v1.ResourceList{none, none}), v1.PodQOSBurstable},
		"each container for itself": {pod([2]v1.ResourceList{list("1", "1Gi"), list("2", "1Gi")}, [2]v1.ResourceList{list("2", "1Gi"), list("1", "1Gi")}), v1.PodQOSBurstable},
	} {
		require.Equal(t, c.want, QoS(c.pod), name)
	}
	p := pod()
	p.Status.QOSClass = v1.PodQOSGuaranteed
	require.Equal(t, v1.PodQOSGuaranteed, QoS(p), "what was told before stays")
}

func TestPodLimits(t *testing.T) {
	none := v1.ResourceList{}
	for name, c := range map[string]struct {
		pod  *v1.Pod
		o    Options
		want limits
	}{
		"best effort":       {pod([2]v1.ResourceList{none, none}), Options{}, limits{cpuShares: 2}},
		"guaranteed":        {pod([2]v1.ResourceList{list("500m", "1Mi"), list("500m", "1Mi")}), Options{}, limits{cpuShares: 512, cpuQuota: 50_000, memory: 1 << 20}},
		"without quota":     {pod([2]v1.ResourceList{list("500m", "1Mi"), list("500m", "1Mi")}), Options{NoCPUQuota: true}, limits{cpuShares: 512, memory: 1 << 20}},
		"sum of containers": {pod([2]v1.ResourceList{list("1", "1Mi"), list("2", "1Mi")}, [2]v1.ResourceList{list("1", "2Mi"), list("1", "2Mi")}), Options{}, limits{cpuShares: 2048, cpuQuota: 300_000, memory: 3 << 20}},
		"one unlimited":     {pod([2]v1.ResourceList{list("1", "1Mi"), list("1", "1Mi")}, [2]v1.ResourceList{none, list("", "1Mi")}), Options{}, limits{cpuShares: 1024, memory: 2 << 20}},
		"pids":              {pod(), Options{PodPidsLimit: 7}, limits{cpuShares: 2, pids: 7}},
		"pids unlimited":    {pod(), Options{PodPidsLimit: -1}, limits{cpuShares: 2}},
		"tiny":              {pod([2]v1.ResourceList{list("1m", ""), list("1m", "")}), Options{}, limits{cpuShares: 2, cpuQuota: 1000}},
		"huge":              {pod([2]v1.ResourceList{list("1000", ""), none}), Options{}, limits{cpuShares: 262144}},
	} {
		require.Equal(t, &c.want, podLimits(c.pod, &c.o), name)
	}
}

func TestContainerResources(t *testing.T) {
	none, capacity := v1.ResourceList{}, list("4", "1000Mi")
	for name, c := range map[string]struct {
		requests, limits v1.ResourceList
		class            string
		shares, quota    int64
		memory, oom      int64
	}{
		"best effort":            {none, none, "", 2, 0, 0, 1000},
		"best effort, critical":  {none, none, nodeCritical, 2, 0, 0, -997},
		"guaranteed":             {list("1", "100Mi"), list("1", "100Mi"), "", 1024, 100_000, 100 << 20, -997},
		"burstable":              {list("250m", "100Mi"), list("1", "200Mi"), "", 256, 100_000, 200 << 20, 900},
		"burstable, no memory":   {list("250m", ""), none, "", 256, 0, 0, 999},
		"burstable, all memory":  {list("", "1000Mi"), none, "", 2, 0, 0, 3},
		"weight is of the limit": {list("", "100Mi"), list("2", ""), "", 2048, 200_000, 0, 900},
	} {
		p := pod([2]v1.ResourceList{c.requests, c.limits})
		p.Spec.PriorityClassName = c.class
		r := Resources(p, &p.Spec.Containers[0], capacity)
		require.Equal(t, []int64{c.shares, c.quota, 100_000, c.memory, c.oom},
			[]int64{r.CpuShares, r.CpuQuota, r.CpuPeriod, r.MemoryLimitInBytes, r.OomScoreAdj}, name)
	}
	p := pod([2]v1.ResourceList{list("", "1Mi"), none})
	require.EqualValues(t, 999, Resources(p, &p.Spec.Containers[0], none).OomScoreAdj, "of a node that doesn't know its memory")
}

func TestWeight(t *testing.T) {
	require.EqualValues(t, 1, weight(minShares))
	require.EqualValues(t, 39, weight(1024))
	require.EqualValues(t, 10_000, weight(maxShares))
}
