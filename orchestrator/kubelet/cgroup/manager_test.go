package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// manager makes cgroups of its own on this machine, which are gone after the test.
func manager(t *testing.T, mount string, o Options) *Manager {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("cgroups need root")
	}
	if err := unix.Access(filepath.Join(mount, "."), unix.W_OK); err != nil {
		t.Skipf("no cgroups at %s: %v", mount, err)
	}
	o.Mount, o.Parent = mount, fmt.Sprintf("petcd-test-%d", os.Getpid())
	m, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, m.RemoveAll())
		for _, dir := range m.mounts() {
			require.NoError(t, removeEmpty(filepath.Join(dir, o.Parent)))
		}
	})
	return m
}

// removeEmpty removes a cgroup if it is there.
func removeEmpty(dir string) error {
	if err := os.Remove(dir); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// running starts a process that sleeps in cgroups.
func running(t *testing.T, dirs ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for _, dir := range dirs {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Appendf(nil, "%d", cmd.Process.Pid), 0))
	}
	return cmd
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return strings.TrimSpace(string(data))
}

func TestPodsOnV1(t *testing.T) {
	if _, err := findV1(defaultMount); err != nil {
		t.Skip(err)
	}
	m := manager(t, defaultMount, Options{Capacity: list("4", "1Gi"), PodPidsLimit: 50})
	p := pod([2]v1.ResourceList{list("500m", "16Mi"), list("1", "32Mi")})
	p.UID = "aa-1"
	parent, err := m.EnsurePod(p)
	require.NoError(t, err)
	require.Equal(t, "/"+m.o.Parent+"/kubepods/burstable/podaa-1", parent)
	again, err := m.EnsurePod(p)
	require.NoError(t, err, "of a pod that has one")
	require.Equal(t, parent, again)
	require.Equal(t, "512", read(t, defaultMount, "cpu", parent, "cpu.shares"))
	require.Equal(t, "100000", read(t, defaultMount, "cpu", parent, "cpu.cfs_quota_us"))
	require.Equal(t, "33554432", read(t, defaultMount, "memory", parent, "memory.limit_in_bytes"))
	require.Equal(t, "50", read(t, defaultMount, "pids", parent, "pids.max"))

	require.NoError(t, m.UpdateQoS([]*v1.Pod{p}))
	require.Equal(t, "512", read(t, defaultMount, "cpu", m.root, "burstable", "cpu.shares"))
	require.Equal(t, "2", read(t, defaultMount, "cpu", m.root, "besteffort", "cpu.shares"))
	require.Equal(t, "4096", read(t, defaultMount, "cpu", m.root, "cpu.shares"))

	// A container two folders down, in a hierarchy that only the runtime uses, and one in the pod's own.
	in := running(t, filepath.Join(defaultMount, "freezer", parent, "a", "b"))
	beside := running(t, filepath.Join(defaultMount, "memory", parent))
	orphans, err := m.Orphans(func(types.UID) bool { return false })
	require.NoError(t, err)
	require.Equal(t, []types.UID{"aa-1"}, orphans)
	orphans, err = m.Orphans(func(uid types.UID) bool { return uid == "aa-1" })
	require.NoError(t, err)
	require.Empty(t, orphans)

	reaped := make(chan error, 2)
	for _, cmd := range []*exec.Cmd{in, beside} {
		go func() { reaped <- cmd.Wait() }()
	}
	require.NoError(t, m.RemovePod("aa-1"))
	require.ErrorContains(t, <-reaped, "killed")
	require.ErrorContains(t, <-reaped, "killed")
	for _, dir := range m.mounts() {
		require.NoDirExists(t, filepath.Join(dir, parent))
	}
	require.NoError(t, m.RemovePod("aa-1"), "of one that has none")
	require.DirExists(t, filepath.Join(defaultMount, "cpu", m.root, "burstable"), "others' stay")
}

// The v2 hierarchy here may be the one without controllers, beside v1: folders and killing are the same.
func TestPodsOnV2(t *testing.T) {
	mount := defaultMount
	var st unix.Statfs_t
	if err := unix.Statfs(mount, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		mount = filepath.Join(defaultMount, "unified")
		if err := unix.Statfs(mount, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
			t.Skip("no v2 hierarchy is mounted")
		}
	}
	m := manager(t, mount, Options{Capacity: list("4", "1Gi")})
	require.IsType(t, &v2{}, m.hierarchy)
	p := pod()
	p.UID = "bb-2"
	parent, err := m.EnsurePod(p)
	require.NoError(t, err)
	require.Equal(t, "/"+m.o.Parent+"/kubepods/besteffort/podbb-2", parent)
	cmd := running(t, filepath.Join(mount, parent, "container"))
	reaped := make(chan error, 1)
	go func() { reaped <- cmd.Wait() }()
	require.NoError(t, m.RemovePod("bb-2"))
	require.ErrorContains(t, <-reaped, "killed")
	require.NoDirExists(t, filepath.Join(mount, parent))
}

// What v2 is told, on folders that look like it.
func TestLimitsOnV2(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"", "kubepods"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
		for _, f := range []string{"cgroup.subtree_control", "cpu.weight", "cpu.max", "memory.max", "pids.max"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, d, f), nil, 0o644))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, d, "cgroup.controllers"), []byte("cpu memory pids rdma\n"), 0o644))
	}
	h := &v2{dir}
	require.NoError(t, h.ensure("/kubepods"))
	require.Equal(t, "+cpu +memory +pids", read(t, dir, "cgroup.subtree_control"), "what kubelets use, and nothing else")
	require.NoError(t, h.set("/kubepods", &limits{cpuShares: 1024, cpuQuota: 50_000, memory: 4096, pids: 3}))
	require.Equal(t, []string{"39", "50000 100000", "4096", "3"}, []string{
		read(t, dir, "kubepods/cpu.weight"), read(t, dir, "kubepods/cpu.max"), read(t, dir, "kubepods/memory.max"), read(t, dir, "kubepods/pids.max")})
}

func TestForeignNames(t *testing.T) {
	m := &Manager{root: "/kubepods"}
	for _, uid := range []types.UID{"", "../../x", "a/b"} {
		require.Error(t, m.RemovePod(uid))
		p := pod()
		p.UID = uid
		_, err := m.EnsurePod(p)
		require.Error(t, err)
	}
}
