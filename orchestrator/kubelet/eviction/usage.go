package eviction

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubelettypes "k8s.io/kubelet/pkg/types"

	"github.com/petcd/petcd/orchestrator/kubelet/volume"
)

// PodUsage is what a pod uses.
type PodUsage struct {
	Containers map[string]ContainerUsage
	EmptyDirs  map[string]int64 // bytes on disk, by volume
	Processes  int64
}

// ContainerUsage is what one of its containers uses.
type ContainerUsage struct {
	Memory int64 // bytes that can't be taken back
	Disk   int64 // bytes of what it changed in its image and of its logs
	Inodes int64
}

// of is how much of a resource a pod uses in all.
func (u *PodUsage) of(resource string) int64 {
	if resource == "pids" {
		return u.Processes
	}
	var total int64
	for _, c := range u.Containers {
		total += c.of(resource)
	}
	if resource == string(v1.ResourceEphemeralStorage) {
		for _, bytes := range u.EmptyDirs {
			total += bytes
		}
	}
	return total
}

func (c *ContainerUsage) of(resource string) int64 {
	switch resource {
	case string(v1.ResourceMemory):
		return c.Memory
	case string(v1.ResourceEphemeralStorage):
		return c.Disk
	case "inodes":
		return c.Inodes
	}
	return 0
}

// Meter measures pods. What is nil isn't measured.
type Meter struct {
	Runtime   internalapi.RuntimeService
	EmptyDirs func(*v1.Pod) map[string]int64             // volume.Manager.EmptyDirs
	LogDir    func(pod *v1.Pod, container string) string // where a container's logs are
	Processes func(*v1.Pod) int64                        // cgroup.Manager.Processes
}

// Usage is what pods use, of disks only if that is asked for: it takes a look at every file.
func (m *Meter) Usage(ctx context.Context, pods []*v1.Pod, disk bool) (map[types.UID]PodUsage, error) {
	all, err := m.Runtime.ListContainerStats(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("eviction: figures of containers: %w", err)
	}
	stats := map[types.UID][]*runtimeapi.ContainerStats{}
	for _, s := range all {
		uid := types.UID(kubelettypes.GetPodUID(s.GetAttributes().GetLabels()))
		stats[uid] = append(stats[uid], s)
	}
	usage := make(map[types.UID]PodUsage, len(pods))
	for _, pod := range pods {
		usage[pod.UID] = m.pod(pod, stats[pod.UID], disk)
	}
	return usage, nil
}

func (m *Meter) pod(pod *v1.Pod, stats []*runtimeapi.ContainerStats, disk bool) PodUsage {
	u := PodUsage{Containers: map[string]ContainerUsage{}}
	for _, s := range stats {
		name := kubelettypes.GetContainerName(s.GetAttributes().GetLabels())
		c := u.Containers[name] // a container may be there twice while it is restarted
		c.Memory += int64(s.GetMemory().GetWorkingSetBytes().GetValue())
		c.Disk += int64(s.GetWritableLayer().GetUsedBytes().GetValue())
		c.Inodes += int64(s.GetWritableLayer().GetInodesUsed().GetValue())
		u.Containers[name] = c
	}
	if disk && m.LogDir != nil {
		for name, c := range u.Containers {
			c.Disk += volume.DiskUsage(m.LogDir(pod, name))
			u.Containers[name] = c
		}
	}
	if disk && m.EmptyDirs != nil {
		u.EmptyDirs = m.EmptyDirs(pod)
	}
	if m.Processes != nil {
		u.Processes = m.Processes(pod)
	}
	return u
}
