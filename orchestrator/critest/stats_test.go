package critest

import (
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What containers and pods use.
var statsCases = []testCase{
	{"OfAContainer", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "head -c 1000000 /dev/zero > /file; while :; do :; done", func(c *runtimeapi.ContainerConfig) {
			c.Labels, c.Annotations = map[string]string{"a": "b"}, map[string]string{"c": "d"}
		})
		until(t, "its use is known", func() bool {
			r, err := s.rs.ContainerStats(s.ctx(t), &runtimeapi.ContainerStatsRequest{ContainerId: c.id})
			require.NoError(t, err)
			stats := r.Stats
			require.Equal(t, c.id, stats.Attributes.Id)
			require.Equal(t, c.config.Metadata.Name, stats.Attributes.Metadata.Name)
			require.Equal(t, c.config.Labels, stats.Attributes.Labels)
			require.Equal(t, c.config.Annotations, stats.Attributes.Annotations)
			return stats.Cpu.GetTimestamp() > 0 && stats.Cpu.GetUsageCoreNanoSeconds().GetValue() > 0 &&
				stats.Memory.GetWorkingSetBytes().GetValue() > 0 && stats.WritableLayer.GetUsedBytes().GetValue() >= 1_000_000 &&
				stats.WritableLayer.GetFsId().GetMountpoint() != ""
		})
	}},
	{"OfAnUnknownContainer", func(t *testing.T, s *suite) {
		_, err := s.rs.ContainerStats(s.ctx(t), &runtimeapi.ContainerStatsRequest{ContainerId: "unknown"})
		require.Error(t, err)
	}},
	{"OfContainersByAFilter", func(t *testing.T, s *suite) {
		one, two := s.pod(t), s.pod(t)
		a, b := one.start(t, "sleep 1000"), one.start(t, "sleep 1000")
		two.start(t, "sleep 1000")
		ids := func(filter *runtimeapi.ContainerStatsFilter) (found []string) {
			r, err := s.rs.ListContainerStats(s.ctx(t), &runtimeapi.ListContainerStatsRequest{Filter: filter})
			require.NoError(t, err)
			for _, c := range r.Stats {
				found = append(found, c.Attributes.Id)
			}
			return found
		}
		require.ElementsMatch(t, []string{a.id, b.id}, ids(&runtimeapi.ContainerStatsFilter{PodSandboxId: one.id}))
		require.Equal(t, []string{b.id}, ids(&runtimeapi.ContainerStatsFilter{Id: b.id}))
	}},
	{"OfAPod", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "while :; do :; done")
		until(t, "its use is known", func() bool {
			r, err := s.rs.PodSandboxStats(s.ctx(t), &runtimeapi.PodSandboxStatsRequest{PodSandboxId: p.id})
			require.NoError(t, err)
			require.Equal(t, p.id, r.Stats.Attributes.Id)
			linux := r.Stats.GetLinux()
			var ids []string
			for _, c := range linux.GetContainers() {
				ids = append(ids, c.Attributes.Id)
			}
			require.Contains(t, ids, c.id)
			return linux.GetCpu().GetUsageCoreNanoSeconds().GetValue() > 0 && linux.GetMemory().GetWorkingSetBytes().GetValue() > 0 &&
				linux.GetNetwork().GetDefaultInterface().GetName() == "eth0" && linux.GetProcess().GetProcessCount().GetValue() > 0
		})
	}},
	{"OfPodsByAFilter", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Labels = map[string]string{"kind": "stats"} })
		s.pod(t)
		for _, filter := range []*runtimeapi.PodSandboxStatsFilter{{Id: p.id}, {LabelSelector: p.config.Labels}} {
			r, err := s.rs.ListPodSandboxStats(s.ctx(t), &runtimeapi.ListPodSandboxStatsRequest{Filter: filter})
			require.NoError(t, err)
			require.Len(t, r.Stats, 1)
			require.Equal(t, p.id, r.Stats[0].Attributes.Id)
		}
	}},
}
