package runtime

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/runtime/cgroup"
	"github.com/petcd/petcd/orchestrator/runtime/image"
)

// minSample is the time below which a rate of CPU time would be noise.
const minSample = 100 * time.Millisecond

// cpuSample is a reading of CPU time, and the rate up to it.
type cpuSample struct {
	at    time.Time
	total uint64
	rate  uint64 // nanoseconds a second
}

// cpuUsage makes a statement of a reading, with the rate since the one before.
func (s *Server) cpuUsage(id string, total uint64, now time.Time) *runtimeapi.CpuUsage {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.cpu[id]
	if !ok || now.Sub(last.at) >= minSample {
		sample := cpuSample{at: now, total: total}
		if ok && total >= last.total {
			sample.rate = uint64(float64(total-last.total) / now.Sub(last.at).Seconds())
		}
		s.cpu[id], last = sample, sample
	}
	return &runtimeapi.CpuUsage{Timestamp: now.UnixNano(), UsageCoreNanoSeconds: number(total), UsageNanoCores: number(last.rate)}
}

// number is a number as CRI wraps it.
func number(n uint64) *runtimeapi.UInt64Value { return &runtimeapi.UInt64Value{Value: n} }

// memoryUsage makes a statement of what a group uses.
func memoryUsage(u cgroup.Usage, now time.Time) *runtimeapi.MemoryUsage {
	m := &runtimeapi.MemoryUsage{
		Timestamp: now.UnixNano(), WorkingSetBytes: number(u.WorkingSet), UsageBytes: number(u.Memory), RssBytes: number(u.RSS),
		PageFaults: number(u.Faults), MajorPageFaults: number(u.Major), AvailableBytes: number(0),
	}
	if u.Limit > u.WorkingSet {
		m.AvailableBytes = number(u.Limit - u.WorkingSet)
	}
	return m
}

// containerStats says what a container uses.
func (s *Server) containerStats(c *container) *runtimeapi.ContainerStats {
	now := time.Now()
	s.mu.Lock()
	stats := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{
		Id: c.record.ID, Metadata: c.config.GetMetadata(), Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(),
	}}
	group, runs := c.record.Group, c.state() == runtimeapi.ContainerState_CONTAINER_RUNNING
	s.mu.Unlock()
	if runs {
		u := s.cgroups.Usage(group)
		stats.Cpu, stats.Memory = s.cpuUsage(c.record.ID, u.CPU, now), memoryUsage(u, now)
	}
	bytes, inodes := image.Usage(s.rootDir("containers", c.record.ID, "upper"))
	stats.WritableLayer = &runtimeapi.FilesystemUsage{
		Timestamp: now.UnixNano(), FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: s.rootDir()}, UsedBytes: number(bytes), InodesUsed: number(inodes),
	}
	return stats
}

// ContainerStats says what a container uses.
func (s *Server) ContainerStats(_ context.Context, r *runtimeapi.ContainerStatsRequest) (*runtimeapi.ContainerStatsResponse, error) {
	c, err := s.container(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	return &runtimeapi.ContainerStatsResponse{Stats: s.containerStats(c)}, nil
}

// ListContainerStats says what the running containers use that a filter lets through.
func (s *Server) ListContainerStats(_ context.Context, r *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	f := r.GetFilter()
	answer := &runtimeapi.ListContainerStatsResponse{}
	for _, c := range s.chosen(func(c *container) bool {
		return matches(f.GetId(), c.record.ID) && matches(f.GetPodSandboxId(), c.record.Sandbox) && selects(f.GetLabelSelector(), c.config.GetLabels())
	}) {
		answer.Stats = append(answer.Stats, s.containerStats(c))
	}
	return answer, nil
}

// chosen are the running containers for which is holds.
func (s *Server) chosen(is func(*container) bool) []*container {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*container
	for _, c := range s.containers {
		if c.state() == runtimeapi.ContainerState_CONTAINER_RUNNING && is(c) {
			all = append(all, c)
		}
	}
	return all
}

// sandboxStats says what a pod uses: all its containers, the pause process, and its network.
func (s *Server) sandboxStats(b *sandbox) *runtimeapi.PodSandboxStats {
	now := time.Now()
	linux := &runtimeapi.LinuxPodSandboxStats{}
	total := s.cgroups.Usage(b.record.Group)
	for _, c := range s.chosen(func(c *container) bool { return c.record.Sandbox == b.record.ID }) {
		linux.Containers = append(linux.Containers, s.containerStats(c))
		u := s.cgroups.Usage(c.record.Group)
		total.CPU += u.CPU
		total.Memory += u.Memory
		total.WorkingSet += u.WorkingSet
		total.RSS += u.RSS
		total.Faults += u.Faults
		total.Major += u.Major
		total.Processes += u.Processes
	}
	total.Limit = 0
	linux.Cpu, linux.Memory = s.cpuUsage(b.record.ID, total.CPU, now), memoryUsage(total, now)
	linux.Process = &runtimeapi.ProcessUsage{Timestamp: now.UnixNano(), ProcessCount: number(total.Processes)}
	if t, err := s.network.Traffic(b.record.ID); err == nil {
		device := &runtimeapi.NetworkInterfaceUsage{
			Name: "eth0", RxBytes: number(t.RxBytes), RxErrors: number(t.RxErrors), TxBytes: number(t.TxBytes), TxErrors: number(t.TxErrors),
		}
		linux.Network = &runtimeapi.NetworkUsage{Timestamp: now.UnixNano(), DefaultInterface: device, Interfaces: []*runtimeapi.NetworkInterfaceUsage{device}}
	}
	return &runtimeapi.PodSandboxStats{
		Attributes: &runtimeapi.PodSandboxAttributes{
			Id: b.record.ID, Metadata: b.config.GetMetadata(), Labels: b.config.GetLabels(), Annotations: b.config.GetAnnotations(),
		},
		Linux: linux,
	}
}

// PodSandboxStats says what a pod uses.
func (s *Server) PodSandboxStats(_ context.Context, r *runtimeapi.PodSandboxStatsRequest) (*runtimeapi.PodSandboxStatsResponse, error) {
	b, err := s.sandbox(r.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	ready := b.state() == runtimeapi.PodSandboxState_SANDBOX_READY
	s.mu.Unlock()
	if !ready {
		return nil, status.Errorf(codes.FailedPrecondition, "sandbox %q is not ready", r.GetPodSandboxId())
	}
	return &runtimeapi.PodSandboxStatsResponse{Stats: s.sandboxStats(b)}, nil
}

// ListPodSandboxStats says what the ready pods use that a filter lets through.
func (s *Server) ListPodSandboxStats(_ context.Context, r *runtimeapi.ListPodSandboxStatsRequest) (*runtimeapi.ListPodSandboxStatsResponse, error) {
	f := r.GetFilter()
	s.mu.Lock()
	var all []*sandbox
	for id, b := range s.sandboxes {
		if b.state() == runtimeapi.PodSandboxState_SANDBOX_READY && matches(f.GetId(), id) && selects(f.GetLabelSelector(), b.config.GetLabels()) {
			all = append(all, b)
		}
	}
	s.mu.Unlock()
	answer := &runtimeapi.ListPodSandboxStatsResponse{}
	for _, b := range all {
		answer.Stats = append(answer.Stats, s.sandboxStats(b))
	}
	return answer, nil
}
