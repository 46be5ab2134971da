package kubeadm

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata anew")

// The files that users read with cat are shown whole, so that a change of a flag shows in a diff.
func TestManifests(t *testing.T) {
	s := newTestSettings(t)
	require.NoError(t, s.WriteManifests(allPrograms()...))
	for _, name := range allPrograms() {
		got := read(t, s.In(manifestsDir, name+".yaml"))
		golden(t, name+".yaml", strings.ReplaceAll(got, s.Root, "/ROOT"))
	}
}

// Without static pods the same programs have the same flags, and find their files below the root.
func TestProgramUnits(t *testing.T) {
	s := newTestSettings(t)
	require.NoError(t, s.WriteProgramUnits(allPrograms()...))
	require.NoError(t, s.node().WriteUnits())
	for _, name := range []string{etcd, apiserver, controllerManager, scheduler, kubeletUnit, runtimeUnit, registryUnit} {
		got := read(t, s.In(unitsDir, name+".service"))
		cgroup := strings.TrimPrefix(s.Cgroup(), "/petcd-")
		golden(t, name+".service", strings.NewReplacer(s.Root, "/ROOT", cgroup, "HASH").Replace(got))
	}
}

func TestKubeletConfig(t *testing.T) {
	s := newTestSettings(t)
	k, err := s.kubeletConfiguration()
	require.NoError(t, err)
	require.NoError(t, s.node().writeKubeletConfig(k))
	is := s.kubeletConfig()
	require.Equal(t, s.Root+"/etc/kubernetes/manifests", is.StaticPodPath)
	require.Equal(t, s.Root+"/etc/kubernetes/pki/ca.crt", is.Authentication.X509.ClientCAFile)
	require.Equal(t, s.CRISocket, is.ContainerRuntimeEndpoint)
	require.Equal(t, s.Cgroup(), is.CgroupRoot)
	require.Equal(t, "/etc/kubernetes/manifests", k.StaticPodPath, "other nodes have other roots")

	machine := &Node{CRISocket: "unix:///x"}
	require.Empty(t, machine.onNode(k).CgroupRoot)
	require.Equal(t, "/var/log/pods", machine.onNode(k).PodLogsDir)
}

func TestTwoRootsHaveTwoCgroups(t *testing.T) {
	require.NotEqual(t, Layout{Root: "/a"}.Cgroup(), Layout{Root: "/b"}.Cgroup())
	require.Equal(t, "/", Layout{}.Cgroup())
}

func TestContainerdConfig(t *testing.T) {
	n := newTestSettings(t).node()
	n.Root, n.Runtime, n.CRISocket = "/ROOT", runtimeContainerd, "unix:///ROOT/run/containerd/containerd.sock"
	golden(t, "containerd.toml", n.containerdText())
	n.CRISocket = "unix:///" + strings.Repeat("x", 110)
	require.ErrorContains(t, n.writeContainerdConfig(), "choose a shorter --root")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	require.Equal(t, read(t, file), got, name)
}
