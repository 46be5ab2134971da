package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

// Addresses in a lab. Each is there in both families.
const (
	NodeIP, NodeIP6       = "192.168.50.10", "fd00:50::10"
	OutsideIP, OutsideIP6 = "192.168.50.1", "fd00:50::1"
	PodRange, PodRange6   = "10.244.0.0/16", "fd00:244::/32"
	ServiceRange          = "10.96.0.0/12"
	ServiceRange6         = "fd00:96::/112"
	RemoteIP, RemoteIP6   = "10.244.2.11", "fd00:244:2::11"
)

// PodIP is the address of the i-th pod of the node.
func PodIP(i int) string { return fmt.Sprintf("10.244.1.%d", 10+i) }

// PodIP6 is its other address.
func PodIP6(i int) string { return fmt.Sprintf("fd00:244:1::%d", 10+i) }

// Lab is a node with pods on a bridge, a pod of another node, and a client outside, which sends what is for Services to the node.
type Lab struct {
	Node, Outside, Remote *Namespace
	Pods                  []*Namespace // with addresses PodIP(0), …
}

// New makes a lab; it goes when the test ends.
func New(t testing.TB, pods int) *Lab {
	t.Helper()
	Require(t)
	l := &Lab{Node: newNamespace(t, "node"), Outside: newNamespace(t, "outside"), Remote: newNamespace(t, "remote")}
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		l.Node.Sysctl(t, name, "1")
	}
	bridge := netlink.NewLinkAttrs()
	bridge.Name = "cni0"
	require.NoError(t, l.Node.links.LinkAdd(&netlink.Bridge{LinkAttrs: bridge}))
	l.Node.address(t, "cni0", "10.244.1.1/24", "fd00:244:1::1/64")
	// Without these, answers between pods of the bridge would pass by the translation that they need.
	l.Node.Sysctl(t, "bridge/bridge-nf-call-iptables", "1")
	l.Node.Sysctl(t, "bridge/bridge-nf-call-ip6tables", "1")

	wire(t, l.Node, "eth0", l.Outside, "eth0")
	l.Node.address(t, "eth0", NodeIP+"/24", NodeIP6+"/64")
	l.Outside.address(t, "eth0", OutsideIP+"/24", OutsideIP6+"/64")
	for _, prefix := range []string{ServiceRange, PodRange} {
		l.Outside.route(t, prefix, NodeIP)
	}
	l.Outside.route(t, ServiceRange6, NodeIP6)
	l.Outside.route(t, PodRange6, NodeIP6)

	wire(t, l.Node, "eth1", l.Remote, "eth0")
	l.Node.address(t, "eth1", "192.168.51.10/24", "fd00:51::10/64")
	l.Remote.address(t, "eth0", "192.168.51.20/24", "fd00:51::20/64")
	l.Remote.address(t, "lo", RemoteIP+"/32", RemoteIP6+"/128")
	l.Node.route(t, "10.244.2.0/24", "192.168.51.20")
	l.Node.route(t, "fd00:244:2::/64", "fd00:51::20")
	l.Remote.route(t, "0.0.0.0/0", "192.168.51.10", RemoteIP)
	l.Remote.route(t, "::/0", "fd00:51::10", RemoteIP6)
	// Where packets to Services would go without rules: elsewhere than they come from, or the node would send redirects, which count
	// against the messages that refuse connections.
	uplink := newNamespace(t, "uplink")
	wire(t, l.Node, "eth2", uplink, "eth0")
	l.Node.address(t, "eth2", "192.168.52.10/24", "fd00:52::10/64")
	uplink.address(t, "eth0", "192.168.52.1/24", "fd00:52::1/64")
	l.Node.route(t, "0.0.0.0/0", "192.168.52.1", NodeIP)
	l.Node.route(t, "::/0", "fd00:52::1", NodeIP6)

	for i := range pods {
		l.addPod(t, i)
	}
	return l
}

func (l *Lab) addPod(t testing.TB, i int) {
	pod := newNamespace(t, fmt.Sprintf("pod%d", i))
	veth := fmt.Sprintf("veth%d", i)
	wire(t, l.Node, veth, pod, "eth0")
	bridge, err := l.Node.links.LinkByName("cni0")
	require.NoError(t, err)
	port, err := l.Node.links.LinkByName(veth)
	require.NoError(t, err)
	require.NoError(t, l.Node.links.LinkSetMaster(port, bridge))
	require.NoError(t, l.Node.links.LinkSetHairpin(port, true)) // the bridge itself carries translated packets back to their port
	pod.address(t, "eth0", PodIP(i)+"/24", PodIP6(i)+"/64")
	pod.route(t, "0.0.0.0/0", "10.244.1.1")
	pod.route(t, "::/0", "fd00:244:1::1")
	l.Pods = append(l.Pods, pod)
}

// Require skips the test where there can be no lab: it takes root, and the programs nft and iptables.
func Require(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	for _, program := range []string{"nft", "iptables-restore", "ip6tables-restore", "iptables-save"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs the program %s (Debian packages nftables and iptables)", program)
		}
	}
	if err := onThread(probe); err != nil {
		t.Skipf("needs leave to make network namespaces with rules: %v", err)
	}
}
