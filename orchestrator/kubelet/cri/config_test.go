package cri

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"
)

// here is a node whose resolver knows one server and one domain.
func here(t *testing.T) *Node {
	t.Helper()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(file, []byte("# comment\nnameserver 192.0.2.53\nsearch old.\nsearch example.org .\noptions timeout:1\n"), 0o600))
	return &Node{Name: "here", LogsDir: "/logs", ClusterDNS: []string{"10.96.0.10"}, ClusterDomain: "cluster.local", ResolvConf: file, SeccompRoot: "/seccomp"}
}

func podOf() *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "1", Labels: map[string]string{"app": "web"}},
		Spec:       v1.PodSpec{DNSPolicy: v1.DNSClusterFirst, Containers: []v1.Container{{Name: "c", Image: "i"}}},
	}
}

func TestDNSPolicies(t *testing.T) {
	node := here(t)
	cluster := &runtimeapi.DNSConfig{
		Servers: []string{"10.96.0.10"}, Searches: []string{"ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.org"}, Options: []string{"ndots:5"},
	}
	host := &runtimeapi.DNSConfig{Servers: []string{"192.0.2.53"}, Searches: []string{"example.org"}, Options: []string{"timeout:1"}}
	for _, c := range []struct {
		policy      v1.DNSPolicy
		hostNetwork bool
		want        *runtimeapi.DNSConfig
	}{
		{v1.DNSClusterFirst, false, cluster},
		{v1.DNSClusterFirst, true, host},
		{v1.DNSClusterFirstWithHostNet, true, cluster},
		{v1.DNSDefault, false, host},
		{v1.DNSNone, false, &runtimeapi.DNSConfig{}},
	} {
		pod := podOf()
		pod.Spec.DNSPolicy, pod.Spec.HostNetwork = c.policy, c.hostNetwork
		config, err := node.Sandbox(pod, 0, "")
		require.NoError(t, err)
		require.Equal(t, c.want.String(), config.DnsConfig.String(), c.policy)
	}
	pod := podOf()
	pod.Spec.DNSConfig = &v1.PodDNSConfig{
		Nameservers: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, Searches: []string{"cluster.local", "more"},
		Options: []v1.PodDNSConfigOption{{Name: "ndots", Value: ptr.To("2")}, {Name: "edns0"}},
	}
	config, err := node.Sandbox(pod, 0, "")
	require.NoError(t, err)
	require.Equal(t, []string{"10.96.0.10", "192.0.2.1", "192.0.2.2"}, config.DnsConfig.Servers)
	require.Equal(t, []string{"ndots:2", "edns0"}, config.DnsConfig.Options)
	require.Equal(t, append(cluster.Searches, "more"), config.DnsConfig.Searches)
	node.ResolvConf = "/not/there"
	_, err = node.Sandbox(pod, 0, "")
	require.Error(t, err)
}

func TestSandboxes(t *testing.T) {
	node := here(t)
	pod := podOf()
	pod.Spec.Containers[0].Ports = []v1.ContainerPort{{ContainerPort: 80, HostPort: 8080}, {ContainerPort: 81}}
	pod.Spec.Subdomain, pod.Spec.Hostname = "sub", "host"
	pod.Spec.SecurityContext = &v1.PodSecurityContext{FSGroup: ptr.To(int64(7)), Sysctls: []v1.Sysctl{{Name: "a", Value: "b"}}}
	config, err := node.Sandbox(pod, 3, "/kubepods/pod1")
	require.NoError(t, err)
	require.Equal(t, "/logs/ns_p_1", config.LogDirectory)
	require.EqualValues(t, 3, config.Metadata.Attempt)
	require.Equal(t, "host", config.Hostname)
	require.Equal(t, "sub.ns.svc.cluster.local", node.Domain(pod))
	require.Equal(t, "web", config.Labels["app"])
	require.Equal(t, "1", config.Labels["io.kubernetes.pod.uid"])
	require.Len(t, config.PortMappings, 1)
	require.Equal(t, map[string]string{"a": "b"}, config.Linux.Sysctls)
	require.Equal(t, []int64{7}, config.Linux.SecurityContext.SupplementalGroups)
	require.Equal(t, runtimeapi.NamespaceMode_POD, config.Linux.SecurityContext.NamespaceOptions.Network)

	pod.Spec.HostNetwork, pod.Spec.HostPID = true, true
	config, err = node.Sandbox(pod, 0, "")
	require.NoError(t, err)
	require.Empty(t, config.Hostname)
	require.Empty(t, config.PortMappings)
	require.Equal(t, runtimeapi.NamespaceMode_NODE, config.Linux.SecurityContext.NamespaceOptions.Network)
	require.Equal(t, runtimeapi.NamespaceMode_NODE, config.Linux.SecurityContext.NamespaceOptions.Pid)

	for what, change := range map[string]func(*v1.PodSpec){
		"RuntimeClass": func(s *v1.PodSpec) { s.RuntimeClassName = ptr.To("kata") },
		"hostUsers":    func(s *v1.PodSpec) { s.HostUsers = ptr.To(false) },
		"windows":      func(s *v1.PodSpec) { s.OS = &v1.PodOS{Name: v1.Windows} },
	} {
		pod := podOf()
		change(&pod.Spec)
		_, err := node.Sandbox(pod, 0, "")
		require.ErrorContains(t, err, what)
	}
}

func TestContainerSecurity(t *testing.T) {
	node := here(t)
	root, other := int64(0), int64(1000)
	for _, c := range []struct {
		what string
		pod  *v1.PodSecurityContext
		own  *v1.SecurityContext
		user ImageUser
		fail string
		want func(*testing.T, *runtimeapi.LinuxContainerSecurityContext)
	}{
		{"nothing said", nil, nil, ImageUser{}, "", func(t *testing.T, s *runtimeapi.LinuxContainerSecurityContext) {
			require.Nil(t, s.RunAsUser)
			require.Contains(t, s.MaskedPaths, "/proc/kcore")
			require.Contains(t, s.ReadonlyPaths, "/proc/sys")
			require.Equal(t, runtimeapi.SecurityProfile_Unconfined, s.Seccomp.ProfileType)
		}},
		{"the image's user", nil, nil, ImageUser{UID: &other}, "", func(t *testing.T, s *runtimeapi.LinuxContainerSecurityContext) {
			require.Equal(t, other, s.RunAsUser.Value)
		}},
		{"the container's before the pod's", &v1.PodSecurityContext{RunAsUser: &root, RunAsGroup: &other}, &v1.SecurityContext{RunAsUser: &other}, ImageUser{}, "",
			func(t *testing.T, s *runtimeapi.LinuxContainerSecurityContext) {
				require.Equal(t, other, s.RunAsUser.Value)
				require.Equal(t, other, s.RunAsGroup.Value)
			}},
		{"privileged", nil, &v1.SecurityContext{Privileged: ptr.To(true), SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault}}, ImageUser{}, "",
			func(t *testing.T, s *runtimeapi.LinuxContainerSecurityContext) {
				require.Empty(t, s.MaskedPaths)
				require.Equal(t, runtimeapi.SecurityProfile_Unconfined, s.Seccomp.ProfileType)
			}},
		{"hardened", &v1.PodSecurityContext{SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault}},
			&v1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				Capabilities: &v1.Capabilities{Add: []v1.Capability{"NET_ADMIN"}, Drop: []v1.Capability{"ALL"}},
			}, ImageUser{}, "", func(t *testing.T, s *runtimeapi.LinuxContainerSecurityContext) {
				require.True(t, s.NoNewPrivs)
				require.True(t, s.ReadonlyRootfs)
				require.Equal(t, []string{"NET_ADMIN"}, s.Capabilities.AddCapabilities)
				require.Equal(t, []string{"ALL"}, s.Capabilities.DropCapabilities)
				require.Equal(t, runtimeapi.SecurityProfile_RuntimeDefault, s.Seccomp.ProfileType)
			}},
		{"a profile elsewhere", nil, &v1.SecurityContext{SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeLocalhost, LocalhostProfile: ptr.To("../x")}}, ImageUser{},
			"localhostProfile", nil},
		{"root by choice", nil, &v1.SecurityContext{RunAsNonRoot: ptr.To(true), RunAsUser: &root}, ImageUser{UID: &other}, "container's runAsUser breaks non-root policy", nil},
		{"root by the image", nil, &v1.SecurityContext{RunAsNonRoot: ptr.To(true)}, ImageUser{UID: &root}, "image will run as root", nil},
		{"who knows", nil, &v1.SecurityContext{RunAsNonRoot: ptr.To(true)}, ImageUser{Name: "me"}, "non-numeric user (me)", nil},
		{"not root", nil, &v1.SecurityContext{RunAsNonRoot: ptr.To(true)}, ImageUser{UID: &other}, "", func(*testing.T, *runtimeapi.LinuxContainerSecurityContext) {}},
	} {
		t.Run(c.what, func(t *testing.T) {
			pod := podOf()
			pod.Spec.SecurityContext, pod.Spec.Containers[0].SecurityContext = c.pod, c.own
			config, err := node.Container(pod, ContainerParts{Container: &pod.Spec.Containers[0], ImageUser: c.user, Image: "i"})
			if c.fail != "" {
				require.ErrorContains(t, err, c.fail)
				return
			}
			require.NoError(t, err)
			c.want(t, config.Linux.SecurityContext)
		})
	}
}

// What the kubelet must know of a container after a restart is in its annotations.
func TestAContainerIsFoundAgain(t *testing.T) {
	pod := podOf()
	pod.Spec.TerminationGracePeriodSeconds = ptr.To(int64(12))
	c := &pod.Spec.Containers[0]
	c.TerminationMessagePath = "/dev/termination-log"
	c.Lifecycle = &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Sleep: &v1.SleepAction{Seconds: 3}}, StopSignal: ptr.To(v1.Signal("SIGUSR1"))}
	config, err := here(t).Container(pod, ContainerParts{
		Container: c, Attempt: 4, Image: "i", Resources: &runtimeapi.LinuxContainerResources{OomScoreAdj: -997},
	})
	require.NoError(t, err)
	require.Zero(t, config.Linux.Resources.OomScoreAdj)
	require.Equal(t, runtimeapi.Signal_SIGNAL_SIGUSR1, config.StopSignal)
	found := containerFrom("s", &runtimeapi.ContainerStatus{Metadata: config.Metadata, Annotations: config.Annotations, Labels: config.Labels})
	require.Equal(t, 4, found.Attempt)
	require.Equal(t, Hash(c), found.Hash)
	require.Equal(t, "/dev/termination-log", found.TerminationMessagePath)
	orphan := (&Pod{UID: "1", Name: "p", Namespace: "ns", Containers: []Container{found}}).Orphan()
	require.EqualValues(t, 12, *orphan.Spec.TerminationGracePeriodSeconds)
	require.EqualValues(t, 3, orphan.Spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds)
	c.Image = "other"
	require.NotEqual(t, Hash(c), found.Hash)
}
