package critest

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What limits a container: its cgroup, which is below its pod's.
var resourceCases = []testCase{
	{"CgroupBelowThePods", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.start(t, "exec sleep 6666")
		for _, root := range cgroupRoots() {
			if !limiting(root) {
				continue
			}
			until(t, "it is in one of "+root, func() bool { return inCgroup(filepath.Join(root, p.config.Linux.CgroupParent), "sleep 6666") })
		}
	}},
	{"Memory", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", resources(func(r *runtimeapi.LinuxContainerResources) { r.MemoryLimitInBytes = 64 << 20 }))
		require.Equal(t, strconv.Itoa(64<<20), c.limit(t, "memory", "memory.limit_in_bytes", "memory.max"))
		require.Equal(t, int64(64<<20), c.status(t).GetResources().GetLinux().GetMemoryLimitInBytes())
	}},
	{"MemoryOverItsLimitKills", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "exec tail /dev/zero", resources(func(r *runtimeapi.LinuxContainerResources) { r.MemoryLimitInBytes = 32 << 20 }))
		status := c.exited(t)
		require.Equal(t, "OOMKilled", status.Reason)
		require.Equal(t, int32(137), status.ExitCode)
	}},
	{"MemoryKillsNobodyElse", func(t *testing.T, s *suite) {
		p := s.pod(t)
		other := p.start(t, "sleep 1000")
		greedy := p.start(t, "exec tail /dev/zero", resources(func(r *runtimeapi.LinuxContainerResources) { r.MemoryLimitInBytes = 32 << 20 }))
		greedy.exited(t)
		require.Equal(t, running, other.status(t).State)
		require.Equal(t, ready, p.status(t).State)
	}},
	{"CPU", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", resources(func(r *runtimeapi.LinuxContainerResources) {
			r.CpuShares, r.CpuQuota, r.CpuPeriod = 512, 50000, 100000
		}))
		require.Equal(t, "50000 100000", c.quota(t))
		if !unified() {
			require.Equal(t, "512", c.limit(t, "cpu", "cpu.shares", ""))
		}
		require.Equal(t, int64(512), c.status(t).GetResources().GetLinux().GetCpuShares())
	}},
	{"CPUQuotaHolds", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "while :; do :; done", resources(func(r *runtimeapi.LinuxContainerResources) { r.CpuQuota, r.CpuPeriod = 10000, 100000 }))
		until(t, "it is throttled", func() bool {
			for line := range strings.Lines(c.limit(t, "cpu", "cpu.stat", "cpu.stat")) {
				if n, found := strings.CutPrefix(line, "nr_throttled "); found {
					return strings.TrimSpace(n) != "0"
				}
			}
			return false
		})
	}},
	{"CPUSet", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "awk '/Cpus_allowed_list/ {print $2}' /proc/self/status", resources(func(r *runtimeapi.LinuxContainerResources) { r.CpusetCpus = "0" }))
		require.Equal(t, "0\n", out)
	}},
	{"OOMScore", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "cat /proc/self/oom_score_adj", resources(func(r *runtimeapi.LinuxContainerResources) { r.OomScoreAdj = 999 }))
		require.Equal(t, "999\n", out)
	}},
	{"Update", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", resources(func(r *runtimeapi.LinuxContainerResources) { r.MemoryLimitInBytes, r.CpuShares = 64<<20, 512 }))
		update := func(r *runtimeapi.LinuxContainerResources) {
			_, err := s.rs.UpdateContainerResources(s.ctx(t), &runtimeapi.UpdateContainerResourcesRequest{ContainerId: c.id, Linux: r})
			require.NoError(t, err)
		}
		update(&runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 96 << 20, CpuQuota: 20000, CpuPeriod: 100000})
		require.Equal(t, strconv.Itoa(96<<20), c.limit(t, "memory", "memory.limit_in_bytes", "memory.max"))
		require.Equal(t, "20000 100000", c.quota(t))
		update(&runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 48 << 20})
		require.Equal(t, strconv.Itoa(48<<20), c.limit(t, "memory", "memory.limit_in_bytes", "memory.max"))
		require.Equal(t, "20000 100000", c.quota(t), "what isn't told stays")
		require.Equal(t, running, c.status(t).State)
	}},
	{"UpdateOfAnUnknownOne", func(t *testing.T, s *suite) {
		_, err := s.rs.UpdateContainerResources(s.ctx(t), &runtimeapi.UpdateContainerResourcesRequest{
			ContainerId: "unknown", Linux: &runtimeapi.LinuxContainerResources{CpuShares: 2},
		})
		require.Error(t, err)
	}},
	{"ProcessesOfThePodsCgroup", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "exec sleep 1000")
		limit := filepath.Join(controllerRoot("pids"), p.config.Linux.CgroupParent, "pids.max")
		require.NoError(t, os.WriteFile(limit, []byte("8"), 0o600))
		stdout, stderr, _ := c.exec(t, "for i in 1 2 3 4 5 6 7 8 9; do sleep 2 & done; wait")
		require.Contains(t, stdout+stderr, "can't fork")
	}},
}

// resources changes what a container may use.
func resources(change func(*runtimeapi.LinuxContainerResources)) func(*runtimeapi.ContainerConfig) {
	return func(c *runtimeapi.ContainerConfig) { change(c.Linux.Resources) }
}

// unified tells that this machine has cgroup v2 for all.
func unified() bool { return len(cgroupRoots()) == 1 }

// controllerRoot is where a controller's hierarchy is mounted.
func controllerRoot(controller string) string {
	if unified() {
		return cgroupRoots()[0]
	}
	return filepath.Join("/sys/fs/cgroup", controller)
}

// limiting tells that a hierarchy's controller limits what CRI can limit, or counts it; a container has to be in each of them.
func limiting(root string) bool {
	return unified() || slices.Contains([]string{"cpu", "cpuacct", "cpuset", "memory", "pids"}, filepath.Base(root))
}

// limit is what a file of the container's cgroup holds, by the file's name with cgroup v1 and with v2.
func (c *container) limit(t testing.TB, controller, v1, v2 string) string {
	t.Helper()
	name := v1
	if unified() {
		name = v2
	}
	for _, dir := range cgroupsBelow(filepath.Join(controllerRoot(controller), c.pod.config.Linux.CgroupParent)) {
		if !strings.Contains(filepath.Base(dir), c.id) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return strings.TrimSpace(string(content))
	}
	require.Fail(t, "no cgroup with the container's id in its name")
	return ""
}

// quota is how much of which period of a processor's time the container has.
func (c *container) quota(t testing.TB) string {
	t.Helper()
	if unified() {
		return c.limit(t, "cpu", "", "cpu.max")
	}
	return c.limit(t, "cpu", "cpu.cfs_quota_us", "") + " " + c.limit(t, "cpu", "cpu.cfs_period_us", "")
}

// inCgroup tells that a process of that command line is in a cgroup or below it.
func inCgroup(dir, command string) bool {
	all := processes()
	for _, dir := range cgroupsBelow(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, line := range strings.Fields(string(content)) {
			if pid, err := strconv.Atoi(line); err == nil && all[pid] == command {
				return true
			}
		}
	}
	return false
}
