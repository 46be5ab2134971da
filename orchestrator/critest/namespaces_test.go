package critest

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// hostNetwork has a pod share the node's network.
func hostNetwork(c *runtimeapi.PodSandboxConfig) {
	c.Linux.SecurityContext.NamespaceOptions.Network = runtimeapi.NamespaceMode_NODE
	c.Hostname = ""
}

// podPID has a pod's containers see each other's processes.
func podPID(c *runtimeapi.PodSandboxConfig) {
	c.Linux.SecurityContext.NamespaceOptions.Pid = runtimeapi.NamespaceMode_POD
}

// Which namespaces a container has to itself, and which it shares with whom.
var namespaceCases = []testCase{
	{"OfItsOwn", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "sleep 1000")
		for _, kind := range []string{"net", "ipc", "uts", "pid", "mnt"} {
			require.NotEqual(t, ownNamespace(t, kind), c.namespace(t, kind), kind)
		}
		require.Equal(t, "1", c.read(t, "pidof sleep"), "it is the first process of its namespace")
	}},
	{"SharedInAPod", func(t *testing.T, s *suite) {
		p := s.pod(t)
		one, two := p.start(t, "sleep 1000"), p.start(t, "sleep 1000")
		for _, kind := range []string{"net", "ipc", "uts"} {
			require.Equal(t, one.namespace(t, kind), two.namespace(t, kind), kind)
		}
		for _, kind := range []string{"pid", "mnt"} {
			require.NotEqual(t, one.namespace(t, kind), two.namespace(t, kind), kind)
		}
	}},
	{"ProcessesOfAPod", func(t *testing.T, s *suite) {
		p := s.pod(t, podPID)
		one := p.start(t, "exec sleep 1111")
		two := p.start(t, "exec sleep 2222")
		require.Equal(t, one.namespace(t, "pid"), two.namespace(t, "pid"))
		require.Contains(t, two.read(t, "ps -o args"), "sleep 1111")
		require.NotEqual(t, "1", two.read(t, "pidof sleep | tr ' ' '\\n' | sort -n | head -1"), "the sandbox is the first process")
	}},
	{"OrphansOfAPodAreBuried", func(t *testing.T, s *suite) {
		c := s.pod(t, podPID).start(t, "sh -c 'sleep 0.1 &'; echo ready; exec sleep 1000")
		c.says(t, "ready")
		until(t, "no dead process is left", func() bool { return c.read(t, "ps -o args | grep -c '[s]leep' || true") == "1" })
	}},
	{"ProcessesOfTheNode", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) {
			c.Linux.SecurityContext.NamespaceOptions.Pid = runtimeapi.NamespaceMode_NODE
		})
		c := p.start(t, "sleep 1000")
		require.Equal(t, ownNamespace(t, "pid"), c.namespace(t, "pid"))
	}},
	{"ProcessesOfAnotherContainer", func(t *testing.T, s *suite) {
		p := s.pod(t)
		target := p.start(t, "exec sleep 1111")
		debug := p.start(t, "exec sleep 2222", func(c *runtimeapi.ContainerConfig) {
			c.Linux.SecurityContext.NamespaceOptions = &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_TARGET, TargetId: target.id}
		})
		require.Equal(t, target.namespace(t, "pid"), debug.namespace(t, "pid"))
		require.Contains(t, debug.read(t, "ps -o args"), "sleep 1111")
	}},
	{"NetworkOfTheNode", func(t *testing.T, s *suite) {
		p := s.pod(t, hostNetwork)
		c := p.start(t, "sleep 1000")
		require.Equal(t, ownNamespace(t, "net"), c.namespace(t, "net"))
		require.Empty(t, p.status(t).GetNetwork().GetIp())
		require.Equal(t, runtimeapi.NamespaceMode_NODE, p.status(t).Linux.Namespaces.Options.Network)
	}},
	{"MessagesOfTheNode", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) {
			c.Linux.SecurityContext.NamespaceOptions.Ipc = runtimeapi.NamespaceMode_NODE
		})
		require.Equal(t, ownNamespace(t, "ipc"), p.start(t, "sleep 1000").namespace(t, "ipc"))
	}},
	{"MemorySharedInAPod", func(t *testing.T, s *suite) {
		p := s.pod(t)
		one, two := p.start(t, "sleep 1000"), p.start(t, "sleep 1000")
		one.read(t, "echo shared > /dev/shm/note")
		require.Equal(t, "shared", two.read(t, "cat /dev/shm/note"))
		require.Equal(t, "65536", one.read(t, "df -k /dev/shm | tail -1 | awk '{print $2}'"))
	}},
	{"Hostname", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Hostname = "some-host" })
		require.Equal(t, "some-host\n", p.output(t, "hostname"))
		require.Equal(t, "some-host\n", p.output(t, "echo $HOSTNAME"))
	}},
	{"HostnameOfTheNode", func(t *testing.T, s *suite) {
		name, err := os.Hostname()
		require.NoError(t, err)
		require.Equal(t, name+"\n", s.pod(t, hostNetwork).output(t, "hostname"))
	}},
	{"Sysctls", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) {
			c.Linux.Sysctls = map[string]string{"net.ipv4.ip_local_port_range": "2000\t3000", "kernel.shm_rmid_forced": "1"}
		})
		require.Equal(t, "2000\t3000\n1\n", p.output(t, "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced"))
	}},
}

// namespace is the container's, as the kernel names it.
func (c *container) namespace(t testing.TB, kind string) string {
	t.Helper()
	return c.read(t, "readlink /proc/self/ns/"+kind)
}

// ownNamespace is that of the test, and so of the node.
func ownNamespace(t testing.TB, kind string) string {
	t.Helper()
	name, err := os.Readlink("/proc/self/ns/" + kind)
	require.NoError(t, err)
	return strings.TrimSpace(name)
}
