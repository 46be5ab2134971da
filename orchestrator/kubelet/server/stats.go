package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/kubelet/pkg/types"

	"github.com/petcd/petcd/orchestrator/kubelet/image"
)

// summary answers with what the node and its pods use. A figure that can't be had is left out.
func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	pods, err := s.podStats(r.Context())
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, r, &stats.Summary{Node: s.nodeStats(r.Context()), Pods: pods})
}

// podStats are the runtime's figures of containers, by pod.
func (s *Server) podStats(ctx context.Context) ([]stats.PodStats, error) {
	all, err := s.o.Runtime.ListContainerStats(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("server: figures of containers: %w", err)
	}
	byUID := map[string]*stats.PodStats{}
	for _, c := range all {
		labels := c.GetAttributes().GetLabels()
		uid := types.GetPodUID(labels)
		if uid == "" {
			continue // not the kubelet's
		}
		pod := byUID[uid]
		if pod == nil {
			pod = &stats.PodStats{PodRef: stats.PodReference{Name: types.GetPodName(labels), Namespace: types.GetPodNamespace(labels), UID: uid}}
			byUID[uid] = pod
		}
		pod.Containers = append(pod.Containers, s.containerStats(types.GetContainerName(labels), c))
	}
	for _, pod := range s.o.Pods.Pods() {
		if p := byUID[string(pod.UID)]; p != nil && pod.Status.StartTime != nil {
			p.StartTime = *pod.Status.StartTime
		}
	}
	result := make([]stats.PodStats, 0, len(byUID))
	for _, pod := range byUID {
		total(pod)
		result = append(result, *pod)
	}
	slices.SortFunc(result, func(a, b stats.PodStats) int {
		return strings.Compare(a.PodRef.Namespace+"/"+a.PodRef.Name, b.PodRef.Namespace+"/"+b.PodRef.Name)
	})
	return result, nil
}

// total adds a pod's containers up.
func total(pod *stats.PodStats) {
	slices.SortFunc(pod.Containers, func(a, b stats.ContainerStats) int { return strings.Compare(a.Name, b.Name) })
	add := func(into **uint64, n *uint64) {
		if n == nil {
			return
		}
		if *into == nil {
			*into = new(uint64)
		}
		**into += *n
	}
	for i := range pod.Containers {
		if c := pod.Containers[i].CPU; c != nil {
			if pod.CPU == nil {
				pod.CPU = &stats.CPUStats{Time: c.Time}
			}
			add(&pod.CPU.UsageCoreNanoSeconds, c.UsageCoreNanoSeconds)
			add(&pod.CPU.UsageNanoCores, c.UsageNanoCores)
		}
		if c := pod.Containers[i].Memory; c != nil {
			if pod.Memory == nil {
				pod.Memory = &stats.MemoryStats{Time: c.Time}
			}
			add(&pod.Memory.WorkingSetBytes, c.WorkingSetBytes)
			add(&pod.Memory.UsageBytes, c.UsageBytes)
			add(&pod.Memory.RSSBytes, c.RSSBytes)
		}
	}
}

func (s *Server) containerStats(name string, c *runtimeapi.ContainerStats) stats.ContainerStats {
	result := stats.ContainerStats{Name: name}
	if cpu := c.GetCpu(); cpu != nil {
		result.CPU = &stats.CPUStats{
			Time: at(cpu.Timestamp), UsageCoreNanoSeconds: number(cpu.UsageCoreNanoSeconds), UsageNanoCores: number(cpu.UsageNanoCores),
		}
		if used := result.CPU.UsageCoreNanoSeconds; result.CPU.UsageNanoCores == nil && used != nil {
			result.CPU.UsageNanoCores = s.cpu.rate(c.GetAttributes().GetId(), time.Unix(0, cpu.Timestamp), *used)
		}
	}
	if memory := c.GetMemory(); memory != nil {
		result.Memory = &stats.MemoryStats{
			Time: at(memory.Timestamp), WorkingSetBytes: number(memory.WorkingSetBytes), AvailableBytes: number(memory.AvailableBytes),
			UsageBytes: number(memory.UsageBytes), RSSBytes: number(memory.RssBytes),
			PageFaults: number(memory.PageFaults), MajorPageFaults: number(memory.MajorPageFaults),
		}
	}
	if layer := c.GetWritableLayer(); layer != nil {
		result.Rootfs = &stats.FsStats{Time: at(layer.Timestamp), UsedBytes: number(layer.UsedBytes), InodesUsed: number(layer.InodesUsed)}
	}
	return result
}

// at is CRI's time, in nanoseconds.
func at(nanos int64) metav1.Time { return metav1.NewTime(time.Unix(0, nanos)) }

// number is CRI's number, which may be absent.
func number(v *runtimeapi.UInt64Value) *uint64 {
	if v == nil {
		return nil
	}
	return &v.Value
}

func (s *Server) nodeStats(ctx context.Context) stats.NodeStats {
	node := stats.NodeStats{NodeName: s.o.NodeName, StartTime: metav1.NewTime(s.started), Fs: fileSystem(s.o.RootDir)}
	node.CPU = s.nodeCPU()
	node.Memory = nodeMemory()
	node.Network = nodeNetwork()
	node.Rlimit = nodeProcesses()
	if s.o.Images != nil {
		dir, err := image.Dir(ctx, s.o.Images)
		if err != nil {
			klog.FromContext(ctx).V(4).Info("No figures of the images' file system", "err", err)
		} else {
			node.Runtime = &stats.RuntimeStats{ImageFs: fileSystem(dir)}
		}
	}
	return node
}

// fileSystem are the figures of the file system that holds a folder; nil: they can't be had.
func fileSystem(dir string) *stats.FsStats {
	var st unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &st) != nil {
		return nil
	}
	size := uint64(st.Bsize)
	capacity, available, used := st.Blocks*size, st.Bavail*size, (st.Blocks-st.Bfree)*size
	inodes, free, inodesUsed := st.Files, st.Ffree, st.Files-st.Ffree
	return &stats.FsStats{
		Time: metav1.Now(), CapacityBytes: &capacity, AvailableBytes: &available, UsedBytes: &used,
		Inodes: &inodes, InodesFree: &free, InodesUsed: &inodesUsed,
	}
}

// cpuRates tell how much CPU is used now from how much was used in all.
type cpuRates struct {
	mu   sync.Mutex
	last map[string]cpuSample
}

type cpuSample struct {
	at   time.Time
	used uint64
	rate *uint64
}

const (
	// sampleEvery is the least time that a rate is about.
	sampleEvery = time.Second
	// forgetAfter is when one that isn't asked for any longer is forgotten.
	forgetAfter = time.Hour
)

// rate is the use since the last time it was asked for, in billionths of a CPU; nil the first time.
func (c *cpuRates) rate(id string, now time.Time, used uint64) *uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]cpuSample{}
	}
	last, ok := c.last[id]
	passed := now.Sub(last.at)
	if ok && passed < sampleEvery {
		return last.rate
	}
	sample := cpuSample{at: now, used: used}
	if ok && used >= last.used {
		rate := uint64(float64(used-last.used) / passed.Seconds())
		sample.rate = &rate
	}
	c.last[id] = sample
	for other, s := range c.last {
		if now.Sub(s.at) > forgetAfter {
			delete(c.last, other)
		}
	}
	return sample.rate
}
