package kubeadm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cgroup goes with what is in it: those below, and the processes.
func TestRemoveCgroups(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for cgroups")
	}
	l := Layout{Root: t.TempDir()}
	const hierarchy = "/sys/fs/cgroup/pids"
	if _, err := os.Stat(hierarchy); err != nil {
		t.Skip("needs cgroup v1 at " + hierarchy)
	}
	inner := filepath.Join(hierarchy+l.Cgroup(), "kubepods", "pod1")
	require.NoError(t, os.MkdirAll(inner, 0o755))
	t.Cleanup(func() { require.NoError(t, removeCgroup(hierarchy+l.Cgroup())) })
	sleep := exec.Command("sleep", "1000")
	require.NoError(t, sleep.Start())
	require.NoError(t, os.WriteFile(filepath.Join(inner, "cgroup.procs"), []byte(strconv.Itoa(sleep.Process.Pid)), 0))
	go func() { _ = sleep.Wait() }()
	require.Equal(t, []string{hierarchy + l.Cgroup()}, l.cgroupRoots())
	require.NoError(t, l.removeCgroups(t.Context()))
	require.Empty(t, l.cgroupRoots())
	require.Error(t, syscall.Kill(sleep.Process.Pid, 0), "it was a pod's")
}

// What is another's stays, and so do the folders that it is in.
func TestRemoveFiles(t *testing.T) {
	s := newTestSettings(t)
	require.NoError(t, s.WriteManifests(allPrograms()...))
	require.NoError(t, s.node().WriteUnits())
	require.NoError(t, writeFile(s.In("/etc/mine"), []byte("x"), 0o600))
	require.NoError(t, s.removeFiles())
	require.FileExists(t, s.In("/etc/mine"))
	require.NoDirExists(t, s.In(kubernetesDir))
	require.NoDirExists(t, s.In("/var"))
	require.NoError(t, os.Remove(s.In("/etc/mine")))
	require.NoError(t, s.removeFiles(), "once more does no harm")
	require.NoDirExists(t, s.Root)
}
