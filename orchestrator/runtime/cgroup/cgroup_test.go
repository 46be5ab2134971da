package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fake is a v2 hierarchy of plain files: no kernel is behind it, so what is written stays as it was written.
func fake(t *testing.T) *Hierarchy {
	t.Helper()
	h := &Hierarchy{Unified: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(h.Unified, "cgroup.controllers"), []byte("cpuset cpu io memory pids misc\n"), 0o644))
	return h
}

func TestLimitsOnV2(t *testing.T) {
	h := fake(t)
	require.NoError(t, os.MkdirAll(filepath.Join(h.Unified, "pod"), 0o755))
	require.NoError(t, h.Set("/pod", &runtimeapi.LinuxContainerResources{
		CpuShares: 1024, CpuQuota: 50000, CpuPeriod: 100000, MemoryLimitInBytes: 1 << 20, CpusetCpus: "0-1", Unified: map[string]string{"pids.max": "5"},
	}))
	for name, want := range map[string]string{
		"cpu.weight": "100", "cpu.max": "50000 100000", "memory.max": "1048576", "memory.swap.max": "0", "cpuset.cpus": "0-1", "pids.max": "5",
	} {
		data, err := os.ReadFile(filepath.Join(h.Unified, "pod", name))
		require.NoError(t, err)
		require.Equal(t, want, string(data), name)
	}
	require.NoError(t, h.Set("/pod", &runtimeapi.LinuxContainerResources{CpuQuota: -1}))
	data, err := os.ReadFile(filepath.Join(h.Unified, "pod", "cpu.max"))
	require.NoError(t, err)
	require.Equal(t, "max 100000", string(data))
}

func TestANameStaysBelowItsGroup(t *testing.T) {
	h := fake(t)
	require.NoError(t, os.MkdirAll(filepath.Join(h.Unified, "pod"), 0o755))
	require.NoError(t, h.Set("/pod", &runtimeapi.LinuxContainerResources{Unified: map[string]string{"../../memory.max": "1"}}))
	require.NoFileExists(t, filepath.Join(h.Unified, "..", "memory.max"))
	require.FileExists(t, filepath.Join(h.Unified, "pod", "memory.max"))
	require.Equal(t, []string{filepath.Join(h.Unified, "x")}, h.Dirs("../../x"))
}

func TestWeight(t *testing.T) {
	for shares, want := range map[int64]int64{0: 1, 2: 1, 1024: 100, 262144: 10000, 1 << 40: 10000} {
		require.Equal(t, want, weight(shares), shares)
	}
	last := int64(0)
	for s := int64(2); s < 262144; s += 97 {
		w := weight(s)
		require.GreaterOrEqual(t, w, last)
		last = w
	}
}

func TestUsageOnV2(t *testing.T) {
	h := fake(t)
	dir := filepath.Join(h.Unified, "pod")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, content := range map[string]string{
		"cpu.stat": "usage_usec 12\nuser_usec 3\n", "memory.current": "1000\n", "memory.max": "max\n", "memory.stat": "anon 400\ninactive_file 300\npgfault 5\npgmajfault 1\n", "pids.current": "3\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	require.Equal(t, Usage{CPU: 12000, Memory: 1000, WorkingSet: 700, RSS: 400, Faults: 5, Major: 1, Processes: 3}, h.Usage("pod"))
	require.Zero(t, h.Usage("gone"))
}

func TestCreateAndRemoveOnV2(t *testing.T) {
	h := fake(t)
	require.Equal(t, "/a", h.Outermost("/a/b/c"))
	require.NoError(t, os.MkdirAll(filepath.Join(h.Unified, "a", "other"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(h.Unified, "a", "cgroup.controllers"), []byte("cpu"), 0o644))
	require.Equal(t, "/a/b", h.Outermost("/a/b/c"))
	require.ErrorContains(t, h.Create("/a/b/c"), "cgroup.controllers", "the kernel would have made it")
	require.DirExists(t, filepath.Join(h.Unified, "a", "b"))
	data, err := os.ReadFile(filepath.Join(h.Unified, "a", "cgroup.subtree_control"))
	require.NoError(t, err)
	require.Equal(t, "+cpu", string(data))
	h.Remove("/a/b", "/a/b")
	require.NoDirExists(t, filepath.Join(h.Unified, "a", "b"))
	require.DirExists(t, filepath.Join(h.Unified, "a", "other"))
}

func TestFind(t *testing.T) {
	h, err := Find()
	if err != nil {
		t.Skip(err)
	}
	require.NotEmpty(t, h.Dirs("/x"))
	if h.Unified == "" {
		require.Equal(t, "/sys/fs/cgroup/memory", h.Roots["memory"])
	}
}
