package runtime

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Whatever is missing, images are served, and who wants a pod is told why there is none.
func TestWhatIsMissingIsSaid(t *testing.T) {
	o := NewOptions()
	o.Root, o.State, o.Shim = filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "state"), "/not/there"
	s, err := New(t.Context(), o)
	require.NoError(t, err)
	_, err = s.RunPodSandbox(context.Background(), &runtimeapi.RunPodSandboxRequest{Config: &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: "a", Uid: "b"},
	}})
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	require.ErrorContains(t, err, "the program cri-shim: stat /not/there: no such file or directory")
	st, err := s.Status(context.Background(), &runtimeapi.StatusRequest{})
	require.NoError(t, err)
	require.False(t, st.Status.Conditions[0].Status)
	require.Contains(t, st.Status.Conditions[0].Message, "cri-shim")
	images, err := s.ListImages(context.Background(), &runtimeapi.ListImagesRequest{})
	require.NoError(t, err)
	require.Empty(t, images.Images)
}

func TestTheNetworkIsReadyWithARange(t *testing.T) {
	n := newNode(t)
	ready := func(s *Server) *runtimeapi.RuntimeCondition {
		st, err := s.Status(context.Background(), &runtimeapi.StatusRequest{})
		require.NoError(t, err)
		return st.Status.Conditions[1]
	}
	require.True(t, ready(n.Server).Status)
	routers, err := os.ReadFile("/proc/sys/net/ipv6/conf/cni0/accept_ra")
	require.NoError(t, err)
	require.Equal(t, "0\n", string(routers), "no pod is the node's router")
	id := n.run(n.pod(), []string{"sleep", "1000"})
	out, _ := n.shell(id, "cat /proc/sys/net/ipv6/conf/eth0/accept_ra")
	require.Equal(t, "0\n", out, "nor another pod's")
	_, err = n.UpdateRuntimeConfig(context.Background(), &runtimeapi.UpdateRuntimeConfigRequest{RuntimeConfig: &runtimeapi.RuntimeConfig{
		NetworkConfig: &runtimeapi.NetworkConfig{PodCidr: "10.251.7.0/24"},
	}})
	require.NoError(t, err)
	r, err := n.PodSandboxStatus(context.Background(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: n.pod()})
	require.NoError(t, err)
	require.Equal(t, "10.251.7.2", r.Status.Network.Ip)
	o := *n.options
	o.Root, o.State, o.PodCIDR, o.Load = filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "state"), "", nil
	other, err := New(t.Context(), &o)
	require.NoError(t, err)
	require.False(t, ready(other).Status)
	require.Equal(t, "NetworkPluginNotReady", ready(other).Reason)
}

func TestOddRequestsAreRefused(t *testing.T) {
	n := newNode(t)
	n.selinux = true
	for what, change := range map[string]func(*runtimeapi.PodSandboxConfig){
		"absolute": func(c *runtimeapi.PodSandboxConfig) { c.LogDirectory = "logs" },
		"SELinux": func(c *runtimeapi.PodSandboxConfig) {
			c.Linux.SecurityContext.SelinuxOptions = &runtimeapi.SELinuxOption{Level: "s0"}
		},
		"not both": func(c *runtimeapi.PodSandboxConfig) {
			c.PortMappings = []*runtimeapi.PortMapping{{HostPort: -1, ContainerPort: 80}}
		},
		"are ports": func(c *runtimeapi.PodSandboxConfig) {
			c.PortMappings = []*runtimeapi.PortMapping{{HostPort: 80, ContainerPort: 1 << 16}}
		},
		"no address": func(c *runtimeapi.PodSandboxConfig) {
			c.PortMappings = []*runtimeapi.PortMapping{{HostPort: 80, ContainerPort: 80, HostIp: "example.com"}}
		},
	} {
		c := &runtimeapi.PodSandboxConfig{
			Metadata: &runtimeapi.PodSandboxMetadata{Name: "odd", Uid: "odd"},
			Linux:    &runtimeapi.LinuxPodSandboxConfig{SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{}},
		}
		change(c)
		_, err := n.RunPodSandbox(context.Background(), &runtimeapi.RunPodSandboxRequest{Config: c})
		require.ErrorContains(t, err, what)
	}
	_, err := n.CreateContainer(context.Background(), &runtimeapi.CreateContainerRequest{PodSandboxId: n.pod(), Config: &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: "c"}, Image: &runtimeapi.ImageSpec{Image: testImage},
		Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{SelinuxOptions: &runtimeapi.SELinuxOption{Type: "spc_t"}}},
	}})
	require.ErrorContains(t, err, "SELinux")
}

func TestSignalNames(t *testing.T) {
	for name, want := range map[string]unix.Signal{
		"": unix.SIGTERM, "SIGINT": unix.SIGINT, "int": unix.SIGINT, "9": unix.SIGKILL, "SIGNAL_SIGQUIT": unix.SIGQUIT, "SIGRTMIN+3": 37,
		"SIGNAL_SIGRTMINPLUS3": 37, "SIGNAL_SIGRTMAXMINUS1": 63, "SIGRTMAX": 64, "SIGRTMIN+99": unix.SIGTERM, "nonsense": unix.SIGTERM, "-1": unix.SIGTERM, "999": unix.SIGTERM,
	} {
		require.Equal(t, want, signalNumber(name), name)
	}
}

func TestCapabilitySets(t *testing.T) {
	for name, c := range map[string]struct {
		add, drop, ambient []string
		privileged         bool
		bounding           uint64
	}{
		"default":          {bounding: 0xa80425fb},
		"all":              {add: []string{"ALL"}, bounding: allCapabilities()},
		"all but one":      {add: []string{"all"}, drop: []string{"CAP_CHOWN"}, bounding: allCapabilities() &^ 1},
		"none":             {drop: []string{"ALL"}},
		"only one":         {drop: []string{"ALL"}, add: []string{"net_admin"}, bounding: 1 << unix.CAP_NET_ADMIN},
		"ambient":          {drop: []string{"ALL"}, ambient: []string{"NET_RAW"}, bounding: 1 << unix.CAP_NET_RAW},
		"privileged":       {privileged: true, drop: []string{"ALL"}, bounding: allCapabilities()},
		"what both do not": {add: []string{"SYS_TIME"}, drop: []string{"SYS_TIME"}, bounding: 0xa80425fb},
	} {
		sets, err := capabilities(&runtimeapi.LinuxContainerSecurityContext{Privileged: c.privileged, Capabilities: &runtimeapi.Capability{
			AddCapabilities: c.add, DropCapabilities: c.drop, AddAmbientCapabilities: c.ambient,
		}})
		require.NoError(t, err, name)
		require.Equal(t, c.bounding, sets.bounding, name)
	}
	_, err := capabilities(&runtimeapi.LinuxContainerSecurityContext{Capabilities: &runtimeapi.Capability{AddCapabilities: []string{"FLY"}}})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
}
