package critest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The pod's network: an address of the node's range, reached from the node and from other pods.
var networkCases = []testCase{
	{"AddressOfTheRange", func(t *testing.T, s *suite) {
		cidr := containerdRange
		if s.runtime.Name() == embeddedName {
			cidr = embeddedRange
		}
		p := s.pod(t)
		address, err := netip.ParseAddr(p.ip(t))
		require.NoError(t, err)
		require.True(t, netip.MustParsePrefix(cidr).Contains(address), "%v", address)
		require.Contains(t, p.output(t, "ip -4 -o address show dev eth0"), address.String())
	}},
	{"Loopback", func(t *testing.T, s *suite) {
		require.Contains(t, s.pod(t).output(t, "ping -c 1 -W 5 127.0.0.1"), "1 packets received")
	}},
	{"FromTheNode", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.web(t, 8080)
		require.Contains(t, get(t, fmt.Sprintf("http://%s:8080/", p.ip(t))), "hostname: "+p.config.Hostname)
	}},
	{"FromAnotherPod", func(t *testing.T, s *suite) {
		server, client := s.pod(t), s.pod(t)
		server.web(t, 8080)
		seen := client.output(t, fmt.Sprintf("wget -q -O - http://%s:8080/", server.ip(t)))
		require.Contains(t, seen, "hostname: "+server.config.Hostname)
		require.Contains(t, seen, "client: "+client.ip(t), "the address of who asks is kept")
	}},
	{"FromTheSamePod", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.web(t, 8080)
		require.Contains(t, p.output(t, "wget -q -O - http://127.0.0.1:8080/"), "hostname: "+p.config.Hostname)
	}},
	{"OnTheNodesNetwork", func(t *testing.T, s *suite) {
		s.pod(t, hostNetwork).web(t, 18080)
		require.Equal(t, "ok\n", get(t, "http://127.0.0.1:18080/healthz"))
	}},
	{"PortOfTheNode", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) {
			c.PortMappings = []*runtimeapi.PortMapping{{Protocol: runtimeapi.Protocol_TCP, ContainerPort: 8080, HostPort: 18081}}
		})
		p.web(t, 8080)
		client := s.pod(t)
		gateway := client.output(t, "ip route | awk '/default/ {printf \"%s\", $3}'")
		require.NotEmpty(t, gateway)
		require.Contains(t, client.output(t, "wget -q -O - http://"+gateway+":18081/"), "hostname: "+p.config.Hostname, "from another pod")
		require.Contains(t, get(t, "http://"+gateway+":18081/"), "hostname: "+p.config.Hostname, "from the node")
		p.end(t)
		_, err := net.DialTimeout("tcp", gateway+":18081", time.Second)
		require.Error(t, err, "it goes with the pod")
	}},
	{"NameServers", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) {
			c.DnsConfig = &runtimeapi.DNSConfig{
				Servers: []string{"10.1.2.3", "10.1.2.4"}, Searches: []string{"ns.svc.cluster.local", "cluster.local"}, Options: []string{"ndots:5", "attempts:2"},
			}
		})
		file := p.output(t, "cat /etc/resolv.conf")
		for _, line := range []string{"nameserver 10.1.2.3\n", "nameserver 10.1.2.4\n", "search ns.svc.cluster.local cluster.local\n", "options ndots:5 attempts:2\n"} {
			require.Contains(t, file, line)
		}
	}},
	{"NameServersOfTheNode", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.DnsConfig = nil })
		p.output(t, "test -e /etc/resolv.conf")
	}},
	{"AddressesGoWithThePod", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.web(t, 8080)
		ip := p.ip(t)
		p.end(t)
		_, err := net.DialTimeout("tcp", ip+":8080", time.Second)
		require.Error(t, err)
	}},
}

// web runs the web application in the pod and waits until it serves.
func (p *pod) web(t testing.TB, port int) *container {
	t.Helper()
	c := p.start(t, "", func(c *runtimeapi.ContainerConfig) {
		c.Image.Image, c.Command, c.Args = p.images.web, nil, []string{fmt.Sprintf("--port=%d", port), "--drain=0s"}
	})
	host := "127.0.0.1"
	if ip := p.status(t).GetNetwork().GetIp(); ip != "" {
		host = ip
	}
	until(t, "the web application serves", func() bool {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", host, port), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return c
}

// get is what a server answers.
func get(t testing.TB, url string) string {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}
