package podnetwork

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	cachetesting "k8s.io/client-go/tools/cache/testing"
)

const dialTimeout = 2 * time.Second

// source is an informer of nodes that a test makes.
type source struct {
	*cachetesting.FakeControllerSource
	informer cache.SharedIndexInformer
}

func newSource(t *testing.T, nodes ...*v1.Node) *source {
	s := &source{FakeControllerSource: cachetesting.NewFakeControllerSource()}
	s.informer = cache.NewSharedIndexInformer(s.FakeControllerSource, &v1.Node{}, 0, cache.Indexers{})
	for _, n := range nodes {
		s.Add(n)
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() { s.informer.Run(stop); close(ended) }()
	t.Cleanup(func() { close(stop); <-ended })
	return s
}

func (s *source) Informer() cache.SharedIndexInformer { return s.informer }
func (s *source) Lister() corelisters.NodeLister {
	return corelisters.NewNodeLister(s.informer.GetIndexer())
}

func newNode(name, ip string, ranges ...string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.NodeSpec{PodCIDRs: ranges}}
	if ip != "" {
		n.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeHostName, Address: name}, {Type: v1.NodeInternalIP, Address: ip}}
	}
	return n
}

// world is a switch with nodes on it, each of which runs its part of the network.
type world struct {
	t      *testing.T
	nodes  *source
	uplink *space
	space  map[string]*space
	dir    string
}

func newWorld(t *testing.T, nodes ...*v1.Node) *world {
	t.Helper()
	return &world{t: t, uplink: newSwitch(t), nodes: newSource(t, nodes...), space: map[string]*space{}, dir: t.TempDir()}
}

func (w *world) confDir(name string) string { return filepath.Join(w.dir, name, "net.d") }

// join starts a node.
func (w *world) join(name string, masquerade bool, addresses ...string) *space {
	w.t.Helper()
	s := newSpace(w.t)
	s.plug(w.uplink, addresses...)
	n, err := New(Options{
		NodeName: name, Nodes: w.nodes, CNIConfDir: w.confDir(name), CNIDataDir: filepath.Join(w.dir, name, "data"), Masquerade: masquerade,
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := s.start(func() error { n.Run(ctx); return nil })
	w.t.Cleanup(func() { cancel(); require.NoError(w.t, <-ended) })
	w.space[name] = s
	return s
}

// routes are the routes in a node's main table that lead to pods or were made by somebody else than the kernel, as "destination
// gateway".
func (w *world) routes(node string) (all []string) {
	w.space[node].in(func() error {
		routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
		for _, r := range routes {
			if r.Protocol != unix.RTPROT_KERNEL && r.Dst != nil {
				all = append(all, fmt.Sprintf("%v %v", r.Dst, r.Gw))
			}
		}
		return err
	})
	return all
}

func (w *world) eventuallyRoutes(node string, want ...string) {
	w.t.Helper()
	require.EventuallyWithT(w.t, func(c *assert.CollectT) { require.ElementsMatch(c, want, w.routes(node)) }, 10*time.Second, 20*time.Millisecond)
}

func (w *world) eventuallyConf(node string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		_, err := os.Stat(filepath.Join(w.confDir(node), confName))
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}

func TestPodsReachEachOther(t *testing.T) {
	w := newWorld(t, newNode("a", "192.0.2.1", "10.244.0.0/24"), newNode("b", "192.0.2.2", "10.244.1.0/24"))
	a, b := w.join("a", false, "192.0.2.1/24"), w.join("b", false, "192.0.2.2/24")
	w.eventuallyConf("a")
	w.eventuallyConf("b")
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.2")
	w.eventuallyRoutes("b", "10.244.0.0/24 192.0.2.1")
	a1, a2 := newPod(t, a, w.confDir("a"), "a1"), newPod(t, a, w.confDir("a"), "a2")
	b1 := newPod(t, b, w.confDir("b"), "b1")
	require.True(t, strings.HasPrefix(a1.ip, "10.244.0.") && strings.HasPrefix(b1.ip, "10.244.1."), "%s %s", a1.ip, b1.ip)
	for _, p := range []*pod{a1, a2, b1} {
		p.answer(":80")
		for _, q := range []*pod{a1, a2, b1} {
			require.Equal(t, q.ip, q.seenAs(net.JoinHostPort(p.ip, "80")), "the source is kept")
		}
	}
	require.NotEmpty(t, a.seenAs(net.JoinHostPort(b1.ip, "80")), "from a node to a pod of another")

	w.nodes.Delete(newNode("b", "192.0.2.2", "10.244.1.0/24"))
	w.eventuallyRoutes("a")
	require.Empty(t, a1.seenAs(net.JoinHostPort(b1.ip, "80")))
	require.Equal(t, a1.ip, a1.seenAs(net.JoinHostPort(a2.ip, "80")), "the own node's pods do not mind")
}

// A node that was deleted and registers again gets another range; its bridge is from before.
func TestAnotherRange(t *testing.T) {
	w := newWorld(t, newNode("a", "192.0.2.1", "10.244.0.0/24"), newNode("b", "192.0.2.2", "10.244.1.0/24"))
	a, b := w.join("a", false, "192.0.2.1/24"), w.join("b", false, "192.0.2.2/24")
	w.eventuallyConf("a")
	w.eventuallyConf("b")
	newPod(t, a, w.confDir("a"), "old")
	b1 := newPod(t, b, w.confDir("b"), "b1")
	b1.answer(":80")

	w.nodes.Modify(newNode("a", "192.0.2.1", "10.244.9.0/24"))
	w.eventuallyRoutes("b", "10.244.9.0/24 192.0.2.1")
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.2")
	require.Eventually(t, func() bool {
		conf, err := os.ReadFile(filepath.Join(w.confDir("a"), confName))
		return err == nil && strings.Contains(string(conf), "10.244.9.0/24")
	}, 10*time.Second, 20*time.Millisecond)
	young := newPod(t, a, w.confDir("a"), "young")
	require.True(t, strings.HasPrefix(young.ip, "10.244.9."), young.ip)
	require.Equal(t, young.ip, young.seenAs(net.JoinHostPort(b1.ip, "80")))
}

func TestMasquerade(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs nftables: ", err)
	}
	w := newWorld(t, newNode("a", "192.0.2.1", "10.244.0.0/24"), newNode("b", "192.0.2.2", "10.244.1.0/24"))
	a, b := w.join("a", true, "192.0.2.1/24"), w.join("b", true, "192.0.2.2/24")
	w.eventuallyConf("a")
	w.eventuallyConf("b")
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.2")
	w.eventuallyRoutes("b", "10.244.0.0/24 192.0.2.1")
	a1, b1 := newPod(t, a, w.confDir("a"), "a1"), newPod(t, b, w.confDir("b"), "b1")
	b1.answer(":80")
	w.uplink.answer(":80")
	require.Equal(t, "192.0.2.1", a1.seenAs("192.0.2.254:80"), "outside it is the node's address")
	require.Equal(t, a1.ip, a1.seenAs(net.JoinHostPort(b1.ip, "80")), "inside it is kept")

	w.nodes.Add(newNode("c", "192.0.2.3", "10.244.7.0/24"))
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.2", "10.244.7.0/24 192.0.2.3")
	require.Eventually(t, func() bool {
		var rules []byte
		a.in(func() (err error) {
			rules, err = exec.Command("nft", "list", "table", "ip", table).CombinedOutput()
			return err
		})
		return strings.Contains(string(rules), "10.244.7.0/24")
	}, 10*time.Second, 20*time.Millisecond, "a new node's pods are inside, too")

	off, err := New(Options{NodeName: "a", Nodes: w.nodes})
	require.NoError(t, err)
	a.in(func() error { return off.pass(t.Context()) })
	require.NotEqual(t, "192.0.2.1", a1.seenAs("192.0.2.254:80"), "it can be switched off")
}

func TestRoutes(t *testing.T) {
	w := newWorld(t, newNode("a", "192.0.2.1"), newNode("b", "192.0.2.2", "10.244.1.0/24", "fd00:1::/64"))
	a := w.join("a", false, "192.0.2.1/24", "2001:db8::1/64")
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.2")
	_, err := os.Stat(w.confDir("a"))
	require.ErrorIs(t, err, os.ErrNotExist, "a has no range yet")

	both := newNode("b", "192.0.2.3", "10.244.1.0/24", "fd00:1::/64")
	both.Status.Addresses = append(both.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: "2001:db8::3"})
	w.nodes.Modify(both)
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.3", "fd00:1::/64 2001:db8::3")

	static := func(cidr string, gateway net.IP, change func(*netlink.Route) error) {
		t.Helper()
		_, dst, err := net.ParseCIDR(cidr)
		require.NoError(t, err)
		a.in(func() error { return change(&netlink.Route{Dst: dst, Gw: gateway, Protocol: unix.RTPROT_STATIC}) })
	}
	static("10.244.7.0/24", net.IPv4(192, 0, 2, 7), netlink.RouteAdd)
	w.nodes.Add(newNode("taken", "192.0.2.9", "10.244.7.0/24"))
	w.nodes.Add(newNode("c", "192.0.2.4", "10.244.2.0/24"))
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.3", "fd00:1::/64 2001:db8::3", "10.244.2.0/24 192.0.2.4", "10.244.7.0/24 192.0.2.7")

	_, dst, err := net.ParseCIDR("10.244.2.0/24")
	require.NoError(t, err)
	a.in(func() error { return netlink.RouteDel(&netlink.Route{Dst: dst}) })
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.3", "fd00:1::/64 2001:db8::3", "10.244.2.0/24 192.0.2.4", "10.244.7.0/24 192.0.2.7")

	a.in(func() error { // interfaces take routes along silently
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetDown(eth0); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(eth0); err != nil {
			return err
		}
		return addAddress(eth0, "2001:db8::1/64")
	})
	w.eventuallyRoutes("a", "10.244.1.0/24 192.0.2.3", "fd00:1::/64 2001:db8::3", "10.244.2.0/24 192.0.2.4", "10.244.7.0/24 192.0.2.9")

	for _, n := range []string{"b", "c", "taken"} {
		w.nodes.Delete(newNode(n, ""))
	}
	w.eventuallyRoutes("a")
}

func TestCleanup(t *testing.T) {
	w := newWorld(t, newNode("a", "192.0.2.1", "10.244.0.0/24"), newNode("b", "192.0.2.2", "10.244.1.0/24"))
	s := newSpace(t)
	s.plug(w.uplink, "192.0.2.1/24")
	w.space["a"] = s
	n, err := New(Options{NodeName: "a", Nodes: w.nodes, CNIConfDir: w.confDir("a"), CNIDataDir: filepath.Join(w.dir, "data"), Masquerade: true})
	require.NoError(t, err)
	require.True(t, cache.WaitForCacheSync(t.Context().Done(), w.nodes.informer.HasSynced))
	s.in(func() error { return n.pass(t.Context()) })
	newPod(t, s, w.confDir("a"), "p") // makes the bridge
	tables := func() (out []byte) {
		s.in(func() (err error) { out, err = exec.Command("nft", "list", "tables").CombinedOutput(); return err })
		return out
	}
	require.Contains(t, string(tables()), table)
	s.in(func() error { return Cleanup(t.Context(), w.confDir("a"), "cni0") })
	s.in(func() error { return Cleanup(t.Context(), w.confDir("a"), "cni0") })
	require.NotContains(t, string(tables()), table)
	require.Empty(t, w.routes("a"))
	files, err := os.ReadDir(w.confDir("a"))
	require.NoError(t, err)
	require.Empty(t, files)
	s.in(func() error {
		if _, err := netlink.LinkByName("cni0"); err == nil {
			return fmt.Errorf("cni0 is there still")
		}
		return nil
	})
}
