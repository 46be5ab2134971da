package proxy

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// kernel is a Backend that remembers.
type kernel struct {
	mu     sync.Mutex
	syncs  int
	ports  map[types.NamespacedName][]model.Port
	site   model.Site
	broken error
	drift  bool
}

func (k *kernel) Sync(_ context.Context, site model.Site, changed map[types.NamespacedName][]model.Port) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.syncs++
	if k.broken != nil {
		return k.broken
	}
	k.site, k.drift = site, false
	for service, ports := range changed {
		if k.ports[service] = ports; ports == nil {
			delete(k.ports, service)
		}
	}
	return nil
}

func (k *kernel) Check(context.Context) error   { return nil }
func (k *kernel) Cleanup(context.Context) error { return nil }
func (k *kernel) Known() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.drift
}

// flows are Flows that remember what was to be ended.
type flows struct {
	mu    sync.Mutex
	ended []map[netip.AddrPort][]netip.AddrPort
}

func (f *flows) End(_ v1.IPFamily, leads map[netip.AddrPort][]netip.AddrPort) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, leads)
	return nil
}

// rig is a proxy that runs on fakes.
type rig struct {
	*Proxy
	t      *testing.T
	client *fake.Clientset
	kernel *kernel
	flows  *flows
	clock  *testingclock.FakeClock
}

func newRig(t *testing.T, change func(*Options)) *rig {
	r := &rig{t: t, client: fake.NewClientset(), kernel: &kernel{ports: map[types.NamespacedName][]model.Port{}}, flows: &flows{}, clock: testingclock.NewFakeClock(time.Now())}
	o := Options{
		Client: r.client, NodeName: "here", Backends: map[v1.IPFamily]Backend{v1.IPv4Protocol: r.kernel}, Flows: r.flows,
		MinSyncPeriod: time.Second, SyncPeriod: time.Hour, Clock: r.clock,
	}
	if change != nil {
		change(&o)
	}
	var err error
	r.Proxy, err = New(o)
	require.NoError(t, err)
	return r
}

// start runs the proxy until the test ends.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		require.NoError(r.t, <-ended)
	})
}

func (r *rig) add(name, ip string, protocol v1.Protocol) {
	_, err := r.client.CoreV1().Services("ns").Create(r.t.Context(), &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       v1.ServiceSpec{ClusterIP: ip, Ports: []v1.ServicePort{{Port: 80, Protocol: protocol}}},
	}, metav1.CreateOptions{})
	require.NoError(r.t, err)
}

// eventually waits for a state of the kernel; time passes meanwhile if step says how fast.
func (r *rig) eventually(step time.Duration, condition func(*kernel) bool, what string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		if step > 0 && r.clock.HasWaiters() {
			r.clock.Step(step)
		}
		r.kernel.mu.Lock()
		defer r.kernel.mu.Unlock()
		return condition(r.kernel)
	}, 20*time.Second, 5*time.Millisecond, what)
}

func services(n int) func(*kernel) bool { return func(k *kernel) bool { return len(k.ports) == n } }

func TestChangesAreGathered(t *testing.T) {
	r := newRig(t, nil)
	r.add("a", "10.0.0.1", v1.ProtocolTCP)
	r.start()
	r.eventually(0, services(1), "the first sync waits for nothing")
	r.add("b", "10.0.0.2", v1.ProtocolTCP)
	r.add("c", "10.0.0.3", v1.ProtocolTCP)
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.touched) == 2
	}, 20*time.Second, time.Millisecond, "they wait until the least time has passed")
	r.kernel.mu.Lock()
	before := r.kernel.syncs
	r.kernel.mu.Unlock()
	r.eventually(time.Second, services(3), "and come together")
	require.LessOrEqual(t, r.kernel.syncs-before, 2)
	require.NoError(t, r.client.CoreV1().Services("ns").Delete(t.Context(), "a", metav1.DeleteOptions{}))
	r.eventually(time.Second, services(2), "what is deleted goes")
}

func TestFailuresAreTriedAgain(t *testing.T) {
	r := newRig(t, nil)
	r.kernel.broken = errors.New("broken")
	r.add("a", "10.0.0.1", v1.ProtocolTCP)
	r.start()
	r.eventually(time.Second, func(k *kernel) bool { return k.syncs >= 3 }, "again and again")
	r.kernel.mu.Lock()
	r.kernel.broken = nil
	r.kernel.mu.Unlock()
	r.eventually(5*time.Second, services(1), "nothing is lost")
}

func TestDriftIsRepaired(t *testing.T) {
	r := newRig(t, nil)
	r.start()
	r.eventually(0, func(k *kernel) bool { return k.syncs == 1 }, "even without a Service: rules may have to go")
	r.kernel.mu.Lock()
	r.kernel.drift = true
	r.kernel.mu.Unlock()
	r.eventually(time.Hour, func(k *kernel) bool { return !k.drift && k.syncs == 2 }, "at the next check")
}

func TestNodeDecides(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Sites = SiteOptions{LocalMode: LocalModeNodeCIDR, NodePortAddresses: []string{NodePortsPrimary}}
	})
	r.add("a", "10.0.0.1", v1.ProtocolTCP)
	r.start()
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here"}, Spec: v1.NodeSpec{PodCIDRs: []string{"10.1.0.0/24"}}}
	node, err := r.client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Zero(t, r.kernel.syncs, "it has no address yet")
	node.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "192.168.0.1"}}
	node.ResourceVersion = "2"
	_, err = r.client.CoreV1().Nodes().Update(t.Context(), node, metav1.UpdateOptions{})
	require.NoError(t, err)
	r.eventually(time.Second, services(1), "now it is known well enough")
	require.Equal(t, netip.MustParsePrefix("10.1.0.0/24"), r.kernel.site.Pods.Range)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("192.168.0.1/32")}, r.kernel.site.NodePort)
}

func TestFlowsEnd(t *testing.T) {
	r := newRig(t, nil)
	r.add("tcp", "10.0.0.1", v1.ProtocolTCP)
	r.add("udp", "10.0.0.2", v1.ProtocolUDP)
	r.start()
	place := netip.MustParseAddrPort("10.0.0.2:80")
	ended := func(n int) {
		r.t.Helper()
		require.Eventually(t, func() bool {
			if r.clock.HasWaiters() {
				r.clock.Step(time.Second)
			}
			r.flows.mu.Lock()
			defer r.flows.mu.Unlock()
			return len(r.flows.ended) == n
		}, 20*time.Second, 5*time.Millisecond)
		require.Equal(t, map[netip.AddrPort][]netip.AddrPort{place: nil}, r.flows.ended[n-1], "UDP only")
	}
	ended(1)
	require.NoError(t, r.client.CoreV1().Services("ns").Delete(t.Context(), "udp", metav1.DeleteOptions{}))
	ended(2)
}

func TestSites(t *testing.T) {
	prefixes := func(texts ...string) []netip.Prefix {
		all := []netip.Prefix{}
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	node := &v1.Node{Spec: v1.NodeSpec{PodCIDRs: []string{"10.1.0.0/24", "fd00:1::/64"}}}
	node.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeExternalIP, Address: "5.5.5.5"}, {Type: v1.NodeHostName, Address: "here"}, {Type: v1.NodeInternalIP, Address: "192.168.0.1"}, {Type: v1.NodeInternalIP, Address: "fd00::1"}}
	for name, c := range map[string]struct {
		options  SiteOptions
		family   v1.IPFamily
		nodePort []netip.Prefix
		pods     model.Pods
	}{
		"default":       {SiteOptions{ClusterCIDRs: prefixes("10.0.0.0/8", "fd00::/16")}, v1.IPv6Protocol, nil, model.Pods{Range: prefixes("fd00::/16")[0]}},
		"other family":  {SiteOptions{ClusterCIDRs: prefixes("10.0.0.0/8")}, v1.IPv6Protocol, nil, model.Pods{}},
		"node's":        {SiteOptions{LocalMode: LocalModeNodeCIDR}, v1.IPv4Protocol, nil, model.Pods{Range: prefixes("10.1.0.0/24")[0]}},
		"bridge":        {SiteOptions{LocalMode: LocalModeBridgeInterface, Bridge: "cni0"}, v1.IPv4Protocol, nil, model.Pods{Bridge: "cni0"}},
		"prefix":        {SiteOptions{LocalMode: LocalModeInterfaceNamePrefix, InterfacePrefix: "veth"}, v1.IPv4Protocol, nil, model.Pods{InterfacePrefix: "veth"}},
		"primary":       {SiteOptions{NodePortAddresses: []string{"primary"}}, v1.IPv4Protocol, prefixes("192.168.0.1/32"), model.Pods{}},
		"primary, IPv6": {SiteOptions{NodePortAddresses: []string{"primary"}}, v1.IPv6Protocol, prefixes("fd00::1/128"), model.Pods{}},
		"said":          {SiteOptions{NodePortAddresses: []string{"primary"}, NodeIPs: []netip.Addr{netip.MustParseAddr("1.1.1.1")}}, v1.IPv6Protocol, prefixes(), model.Pods{}},
		"localhost":     {SiteOptions{NodePortAddresses: []string{"localhost", "10.1.2.3/8"}}, v1.IPv4Protocol, prefixes("127.0.0.0/8", "10.0.0.0/8"), model.Pods{}},
		"all":           {SiteOptions{NodePortAddresses: []string{"10.1.2.3/8", "all"}}, v1.IPv4Protocol, nil, model.Pods{}},
		"zero":          {SiteOptions{NodePortAddresses: []string{"::/0"}}, v1.IPv4Protocol, prefixes(), model.Pods{}},
	} {
		site, err := c.options.site(c.family, node)
		require.NoError(t, err, name)
		require.Equal(t, c.nodePort, site.NodePort, name)
		require.Equal(t, c.pods, site.Pods, name)
	}
	_, err := (&SiteOptions{LocalMode: LocalModeNodeCIDR}).site(v1.IPv4Protocol, nil)
	require.ErrorIs(t, err, errNodeUnknown)
	_, err = (&SiteOptions{NodePortAddresses: []string{"primary"}}).site(v1.IPv4Protocol, &v1.Node{})
	require.ErrorIs(t, err, errNodeUnknown)
}
