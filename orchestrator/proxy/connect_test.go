package proxy_test

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/proxy"
	"github.com/petcd/petcd/orchestrator/proxy/conntrack"
	"github.com/petcd/petcd/orchestrator/proxy/iptables"
	"github.com/petcd/petcd/orchestrator/proxy/model"
	"github.com/petcd/petcd/orchestrator/proxy/netlab"
	"github.com/petcd/petcd/orchestrator/proxy/nftables"
)

const (
	webIP, webIP6 = "10.96.0.10", "fd00:96::10"
	port          = 80   // of Services
	listen        = 8080 // of endpoints
	nodePort      = 30080
	externalIP    = "10.97.1.1" // routed to the node
	balancerIP    = "10.97.2.2"
)

// modes are the ways to make rules.
var modes = map[string]func(v1.IPFamily, *nftables.Watch) (proxy.Backend, error){
	"nftables": func(family v1.IPFamily, w *nftables.Watch) (proxy.Backend, error) { return nftables.New(family, w) },
	"iptables": func(family v1.IPFamily, _ *nftables.Watch) (proxy.Backend, error) { return iptables.New(family) },
}

// rules are a lab whose node has a proxy's rules.
type rules struct {
	*netlab.Lab
	mode string

	localhost bool // answers node ports, too
	backends  map[v1.IPFamily]proxy.Backend
	flows     *conntrack.Table
}

// eachMode runs a test on a lab of each mode.
func eachMode(t *testing.T, pods int, test func(t *testing.T, r *rules)) {
	for name := range modes {
		t.Run(name, func(t *testing.T) {
			r := &rules{Lab: netlab.New(t, pods), mode: name}
			r.start(t)
			for _, pod := range append([]*netlab.Namespace{r.Remote}, r.Pods...) {
				pod.Serve(t, listen)
			}
			test(t, r)
		})
	}
}

// start begins as a process does that knows nothing of what is in the kernel.
func (r *rules) start(t *testing.T) {
	r.backends = map[v1.IPFamily]proxy.Backend{}
	watch := nftables.NewWatch()
	require.NoError(t, r.Node.Do(func() (err error) {
		for _, family := range []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol} {
			if r.backends[family], err = modes[r.mode](family, watch); err != nil {
				return err
			}
		}
		r.flows, err = conntrack.New()
		return err
	}))
}

// sync makes the rules of Services and their slices.
func (r *rules) sync(t *testing.T, services ...*service) {
	t.Helper()
	require.NoError(t, r.Node.Do(func() error {
		for family, backend := range r.backends {
			site := model.Site{MasqueradeMark: 1 << 14, LocalhostNodePorts: r.localhost}
			site.Pods.Range = netip.MustParsePrefix(netlab.PodRange)
			if family == v1.IPv6Protocol {
				site.Pods.Range = netip.MustParsePrefix(netlab.PodRange6)
			}
			changed, leads := map[types.NamespacedName][]model.Port{}, map[netip.AddrPort][]netip.AddrPort{}
			for _, s := range services {
				ports := model.Ports(&s.Service, s.slices, family, model.Node{Name: "node"})
				changed[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = ports
				for i := range ports {
					for _, place := range ports[i].Places() {
						leads[place] = append(ports[i].Cluster, ports[i].Local...)
					}
				}
			}
			if err := backend.Sync(t.Context(), site, changed); err != nil {
				return err
			}
			if !backend.Known() {
				return errors.New("a sync leaves no doubt")
			}
			if err := r.flows.End(family, leads); err != nil {
				return err
			}
		}
		return nil
	}))
}

// service is a Service with its slices.
type service struct {
	v1.Service
	slices []*discoveryv1.EndpointSlice
}

// web is a Service on pods of the node, those with the indices.
func web(pods ...int) *service {
	s := &service{Service: v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: v1.ServiceSpec{
			Type: v1.ServiceTypeNodePort, ClusterIPs: []string{webIP, webIP6},
			Ports: []v1.ServicePort{
				{Name: "tcp", Protocol: v1.ProtocolTCP, Port: port, NodePort: nodePort},
				{Name: "udp", Protocol: v1.ProtocolUDP, Port: port, NodePort: nodePort},
			},
		},
	}}
	ipv4, ipv6 := s.slice(discoveryv1.AddressTypeIPv4), s.slice(discoveryv1.AddressTypeIPv6)
	for _, i := range pods {
		ipv4.Endpoints = append(ipv4.Endpoints, endpoint(netlab.PodIP(i), "node"))
		ipv6.Endpoints = append(ipv6.Endpoints, endpoint(netlab.PodIP6(i), "node"))
	}
	s.slices = []*discoveryv1.EndpointSlice{ipv4, ipv6}
	return s
}

// remote adds the pod on the other node.
func (s *service) remote() *service {
	s.slices[0].Endpoints = append(s.slices[0].Endpoints, endpoint(netlab.RemoteIP, "remote"))
	s.slices[1].Endpoints = append(s.slices[1].Endpoints, endpoint(netlab.RemoteIP6, "remote"))
	return s
}

func (s *service) with(change func(*v1.ServiceSpec)) *service {
	change(&s.Spec)
	return s
}

func (s *service) slice(family discoveryv1.AddressType) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{AddressType: family}
	for _, p := range s.Spec.Ports {
		number := int32(listen)
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: &p.Name, Protocol: &p.Protocol, Port: &number})
	}
	return slice
}

func endpoint(ip, node string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{ip}, NodeName: &node}
}

func at(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

// asked is who answers, over so many connections.
func asked(t *testing.T, from *netlab.Namespace, address string, times int) map[string]int {
	t.Helper()
	servers := map[string]int{}
	for range times {
		answer, err := from.Ask(address)
		require.NoError(t, err, "from %s to %s", from.Name, address)
		servers[answer.Server]++
	}
	return servers
}

func TestClusterIP(t *testing.T) {
	eachMode(t, 3, func(t *testing.T, r *rules) {
		sctp := named("sctp", "10.96.0.50", 0).with(func(spec *v1.ServiceSpec) { spec.Ports[1].Protocol = v1.ProtocolSCTP })
		sctp.slices[0].Ports[1].Protocol = &sctp.Spec.Ports[1].Protocol
		r.sync(t, web(0, 1).remote(), sctp)
		require.Contains(t, r.ruleset(t), "sctp")
		for _, from := range []*netlab.Namespace{r.Node, r.Outside, r.Remote, r.Pods[0], r.Pods[2]} {
			for _, ip := range []string{webIP, webIP6} {
				servers := asked(t, from, at(ip, port), 40)
				require.Len(t, servers, 3, "from %s: every endpoint is chosen: %v", from.Name, servers)
			}
		}
		for _, ip := range []string{webIP, webIP6} {
			_, err := r.Pods[2].AskUDP(at(ip, port), 0)
			require.NoError(t, err, "UDP to %s", ip)
		}
		if r.mode == "nftables" {
			refused(t, r.Pods[2], at(webIP, port+1)) // a port that the Service doesn't have
		}
	})
}

// refused demands that a connection is refused at once.
func refused(t *testing.T, from *netlab.Namespace, address string) {
	t.Helper()
	begun := time.Now()
	_, err := from.Ask(address)
	require.ErrorContains(t, err, "refused", "from %s to %s", from.Name, address)
	require.Less(t, time.Since(begun), 500*time.Millisecond, "at once")
}

// silent demands that nobody answers, not even to refuse.
func silent(t *testing.T, from *netlab.Namespace, address string) {
	t.Helper()
	_, err := from.Ask(address)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout, "from %s to %s", from.Name, address)
	require.True(t, timeout.Timeout(), "from %s to %s: %v", from.Name, address, err)
}

func TestSourceAddresses(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, web(0))
		client := func(from *netlab.Namespace, address string) string {
			answer, err := from.Ask(address)
			require.NoError(t, err, "from %s to %s", from.Name, address)
			return answer.Client
		}
		require.Equal(t, netlab.PodIP(1), client(r.Pods[1], at(webIP, port)), "a pod's address is kept")
		require.Equal(t, netlab.RemoteIP, client(r.Remote, at(webIP, port)), "also from another node") // see the lab: by its lo
		require.Equal(t, "10.244.1.1", client(r.Outside, at(webIP, port)), "from outside the answer must come back this way")
		require.Equal(t, "10.244.1.1", client(r.Outside, at(netlab.NodeIP, nodePort)))
		require.Equal(t, "10.244.1.1", client(r.Pods[0], at(webIP, port)), "a hairpin must not see its own address")
		require.Equal(t, netlab.PodIP6(1), client(r.Pods[1], at(webIP6, port)))
		require.Equal(t, "fd00:244:1::1", client(r.Pods[0], at(webIP6, port)))
	})
}

func TestNodePort(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, web(0, 1))
		for _, from := range []*netlab.Namespace{r.Node, r.Outside, r.Remote, r.Pods[0]} {
			for _, ip := range []string{netlab.NodeIP, netlab.NodeIP6} {
				require.Len(t, asked(t, from, at(ip, nodePort), 30), 2, "from %s to %s", from.Name, ip)
			}
		}
		_, err := r.Outside.AskUDP(at(netlab.NodeIP, nodePort), 0)
		require.NoError(t, err)
	})
}

func TestLocalhostNodePorts(t *testing.T) {
	eachMode(t, 1, func(t *testing.T, r *rules) {
		r.localhost = true
		r.sync(t, web(0))
		if r.mode == "iptables" {
			require.Len(t, asked(t, r.Node, at("127.0.0.1", nodePort), 3), 1)
		} else {
			refused(t, r.Node, at("127.0.0.1", nodePort))
		}
		require.Len(t, asked(t, r.Node, at(netlab.NodeIP, nodePort), 3), 1)
	})
}

func TestExternalAddresses(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		s := web(0).with(func(spec *v1.ServiceSpec) {
			spec.Type, spec.ExternalIPs = v1.ServiceTypeLoadBalancer, []string{externalIP}
			spec.LoadBalancerSourceRanges = []string{netlab.OutsideIP + "/32", "10.244.1.11/32"}
		})
		s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: balancerIP}}
		r.sync(t, s)
		require.Len(t, asked(t, r.Outside, at(externalIP, port), 3), 1)
		require.Len(t, asked(t, r.Remote, at(externalIP, port), 3), 1)
		require.Len(t, asked(t, r.Outside, at(balancerIP, port), 3), 1, "in the ranges")
		require.Len(t, asked(t, r.Pods[1], at(balancerIP, port), 3), 1, "in the ranges")
		silent(t, r.Remote, at(balancerIP, port))

		r.sync(t, s.with(func(spec *v1.ServiceSpec) { spec.LoadBalancerSourceRanges = nil }))
		require.Len(t, asked(t, r.Remote, at(balancerIP, port), 3), 1, "everybody")
	})
}

func TestAffinity(t *testing.T) {
	sticky := func(seconds int32, pods ...int) *service {
		return web(pods...).with(func(spec *v1.ServiceSpec) {
			spec.SessionAffinity = v1.ServiceAffinityClientIP
			spec.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: &seconds}}
		})
	}
	one := func(t *testing.T, servers map[string]int) string {
		require.Len(t, servers, 1)
		for name := range servers {
			return name
		}
		return ""
	}
	eachMode(t, 3, func(t *testing.T, r *rules) {
		r.sync(t, sticky(100, 0, 1))
		for ip, node := range map[string]string{webIP: netlab.NodeIP, webIP6: netlab.NodeIP6} {
			server := one(t, asked(t, r.Remote, at(ip, port), 12))
			require.Equal(t, server, one(t, asked(t, r.Remote, at(node, nodePort), 12)), "on all addresses")
			r.start(t)
			r.sync(t, sticky(100, 0, 1, 2))
			require.Equal(t, server, one(t, asked(t, r.Remote, at(ip, port), 12)), "a restart and another endpoint change nothing")
		}
		server := one(t, asked(t, r.Remote, at(webIP, port), 1))
		stay := 1
		if server == "pod1" {
			stay = 0
		}
		r.sync(t, sticky(100, stay))
		require.NotEqual(t, server, one(t, asked(t, r.Remote, at(webIP, port), 6)), "its endpoint has gone")

		r.sync(t, sticky(1, 0, 1))
		first := one(t, asked(t, r.Remote, at(webIP, port), 1))
		require.Eventually(t, func() bool {
			return one(t, asked(t, r.Remote, at(webIP, port), 1)) != first
		}, 60*time.Second, 2100*time.Millisecond, "it is forgotten in time")
	})
}

func TestNoEndpoints(t *testing.T) {
	eachMode(t, 1, func(t *testing.T, r *rules) {
		check := func() {
			for _, from := range []*netlab.Namespace{r.Node, r.Outside, r.Pods[0]} {
				for _, address := range []string{at(webIP, port), at(webIP6, port), at(externalIP, port), at(netlab.NodeIP, nodePort)} {
					refused(t, from, address)
				}
			}
			_, err := r.Pods[0].AskUDP(at(webIP, port), 0)
			require.ErrorContains(t, err, "refused")
		}
		external := func(spec *v1.ServiceSpec) { spec.ExternalIPs = []string{externalIP} }
		r.sync(t, web().with(external))
		check()
		r.sync(t, web(0).with(external))
		asked(t, r.Outside, at(externalIP, port), 1)
		r.sync(t, web().with(external))
		check()
	})
}

// A ClusterIP stays its Service's, also while that has no endpoint and another names it as an external address.
func TestAnotherServicesClusterIP(t *testing.T) {
	eachMode(t, 1, func(t *testing.T, r *rules) {
		thief := web(0).with(func(spec *v1.ServiceSpec) {
			spec.ClusterIPs, spec.ExternalIPs = []string{"10.96.0.77"}, []string{webIP}
			spec.Type = v1.ServiceTypeClusterIP
		})
		thief.Name = "a-thief"
		r.sync(t, thief, web())
		for _, from := range []*netlab.Namespace{r.Node, r.Outside, r.Pods[0]} {
			refused(t, from, at(webIP, port))
		}
		r.sync(t, thief, web(0))
		asked(t, r.Pods[0], at(webIP, port), 1)
	})
}

func TestUDPFollowsItsEndpoint(t *testing.T) {
	eachMode(t, 3, func(t *testing.T, r *rules) {
		for _, to := range []string{at(webIP, port), at(webIP6, port), at(netlab.NodeIP, nodePort)} {
			r.sync(t, web(0))
			client := func() (string, error) {
				answer, err := r.Pods[2].AskUDP(to, 5353)
				return answer.Server, err
			}
			server, err := client()
			require.NoError(t, err)
			require.Equal(t, "pod0", server)
			r.sync(t, web(1))
			server, err = client()
			require.NoError(t, err)
			require.Equal(t, "pod1", server, "the same flow, another endpoint")
			r.sync(t, web())
			_, err = client()
			require.ErrorContains(t, err, "refused")
			r.sync(t, web(1))
			server, err = client()
			require.NoError(t, err)
			require.Equal(t, "pod1", server)
		}
	})
}

func TestLocalTraffic(t *testing.T) {
	local := func(s *service) *service {
		return s.with(func(spec *v1.ServiceSpec) {
			spec.ExternalIPs = []string{externalIP}
			spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal
		})
	}
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, local(web(0).remote()))
		for _, address := range []string{at(netlab.NodeIP, nodePort), at(externalIP, port), at(netlab.NodeIP6, nodePort)} {
			require.Equal(t, map[string]int{"pod0": 10}, asked(t, r.Outside, address, 10), "local endpoints only")
			answer, err := r.Outside.Ask(address)
			require.NoError(t, err)
			require.Contains(t, []string{netlab.OutsideIP, netlab.OutsideIP6}, answer.Client, "the source address is kept")
		}
		require.Len(t, asked(t, r.Pods[1], at(externalIP, port), 40), 2, "pods are served by all")
		require.Len(t, asked(t, r.Node, at(externalIP, port), 40), 2, "and so is the node")
		require.Len(t, asked(t, r.Outside, at(webIP, port), 40), 2, "the ClusterIP has its own policy")

		r.sync(t, local(web().remote()))
		silent(t, r.Outside, at(externalIP, port))
		silent(t, r.Outside, at(netlab.NodeIP, nodePort))
		asked(t, r.Pods[1], at(externalIP, port), 2)
		asked(t, r.Node, at(netlab.NodeIP, nodePort), 2)
		r.sync(t, local(web()))
		refused(t, r.Outside, at(externalIP, port))
	})
}

func TestInternalLocalTraffic(t *testing.T) {
	internal := func(spec *v1.ServiceSpec) {
		policy := v1.ServiceInternalTrafficPolicyLocal
		spec.InternalTrafficPolicy = &policy
	}
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, web(0).remote().with(internal))
		require.Equal(t, map[string]int{"pod0": 20}, asked(t, r.Pods[1], at(webIP, port), 20))
		require.Len(t, asked(t, r.Outside, at(netlab.NodeIP, nodePort), 40), 2)
		r.sync(t, web().remote().with(internal))
		silent(t, r.Pods[1], at(webIP, port))
	})
}

// counters are what differs between equal rules.
var counters = regexp.MustCompile(`\[\d+:\d+\]|(?m)^#.*$`)

// ruleset is all rules of the node.
func (r *rules) ruleset(t *testing.T) string {
	t.Helper()
	all := r.Node.Run(t, "nft", "list", "ruleset")
	if r.mode == "iptables" {
		all = r.Node.Run(t, "iptables-save") + r.Node.Run(t, "ip6tables-save")
	}
	return counters.ReplaceAllString(all, "")
}

// lines are those of a text in the order of the alphabet: the kernel lists chains as they were made.
func lines(text string) []string { return slices.Sorted(strings.Lines(text)) }

func named(name, ip string, pods ...int) *service {
	s := web(pods...)
	s.Name, s.Spec.ClusterIPs, s.Spec.Type = name, []string{ip}, v1.ServiceTypeClusterIP
	return s
}

func TestTakeover(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, web(0), named("gone", "10.96.0.20", 0), named("moved", "10.96.0.30", 0))
		c, err := r.Outside.Dial("tcp", at(webIP, port), nil)
		require.NoError(t, err)
		defer c.Close()
		_, err = netlab.Hear(c)
		require.NoError(t, err)
		require.Contains(t, r.ruleset(t), "10.96.0.20")
		asked(t, r.Pods[1], at("10.96.0.20", port), 1) // the process has ended; its rules haven't
		r.start(t)
		r.sync(t, web(0), named("moved", "10.96.0.30", 1), named("new", "10.96.0.40", 1))
		after := r.ruleset(t)
		require.NotContains(t, after, "10.96.0.20", "what is stale goes")
		require.Equal(t, map[string]int{"pod1": 5}, asked(t, r.Pods[0], at("10.96.0.30", port), 5))
		require.Equal(t, map[string]int{"pod1": 5}, asked(t, r.Pods[0], at("10.96.0.40", port), 5))

		_, err = c.Write([]byte("still here\n"))
		require.NoError(t, err)
		answer, err := netlab.Hear(c)
		require.NoError(t, err, "a connection lives through it")
		require.Equal(t, netlab.Answer{Server: "still", Client: "here"}, answer)

		r.start(t)
		r.sync(t, web(0), named("moved", "10.96.0.30", 1), named("new", "10.96.0.40", 1))
		require.Len(t, lines(r.ruleset(t)), len(lines(after)), "nothing piles up")
	})
}

func TestRepair(t *testing.T) {
	damages := map[string][][]string{
		"nftables": {
			{"nft", "flush", "ruleset"}, {"nft", "flush", "chain", "ip", "kube-proxy", "services"},
			{"nft", "flush", "map", "ip", "kube-proxy", "service-ips"},
		},
		"iptables": {
			{"iptables", "-t", "nat", "-F"}, {"iptables", "-t", "nat", "-F", "PREROUTING"}, {"iptables", "-t", "nat", "-F", "KUBE-SERVICES"},
			{"iptables", "-t", "nat", "-I", "PREROUTING", "-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES"},
			{"iptables", "-t", "filter", "-D", "FORWARD", "-m", "comment", "--comment", "kubernetes forwarding rules", "-j", "KUBE-FORWARD"},
		},
	}
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, web(0))
		known := func() bool {
			ok := true
			require.NoError(t, r.Node.Do(func() error {
				for _, b := range r.backends {
					if err := b.Check(t.Context()); err != nil {
						return err
					}
					ok = ok && b.Known()
				}
				return nil
			}))
			return ok
		}
		require.True(t, known(), "nobody has touched them")
		intact := r.ruleset(t)
		for _, damage := range damages[r.mode] {
			r.Node.Run(t, damage[0], damage[1:]...)
			require.False(t, known(), "%v", damage)
			r.sync(t)
			require.Equal(t, lines(intact), lines(r.ruleset(t)), "after %v", damage)
			asked(t, r.Pods[1], at(webIP, port), 1)
			require.True(t, known())
		}
	})
}

// A change that the kernel refuses, because somebody took away what it builds on, is made all the same.
func TestRefusedChange(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		r.sync(t, web(0))
		if r.mode == "nftables" {
			r.Node.Run(t, "nft", "delete", "table", "ip", "kube-proxy")
			r.Node.Run(t, "nft", "add", "table", "ip", "kube-proxy")
			r.Node.Run(t, "nft", "add", "map", "ip", "kube-proxy", "service-ips", "{ type ipv4_addr : verdict ; }") // of another type
		} else {
			r.Node.Run(t, "iptables", "-t", "nat", "-F")
			r.Node.Run(t, "iptables", "-t", "nat", "-X")
		}
		r.sync(t, web(1).with(func(spec *v1.ServiceSpec) { spec.ExternalIPs = []string{externalIP} }))
		require.Equal(t, map[string]int{"pod1": 5}, asked(t, r.Pods[0], at(webIP, port), 5))
	})
}

func TestCleanup(t *testing.T) {
	eachMode(t, 1, func(t *testing.T, r *rules) {
		r.Node.Run(t, "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "9", "-j", "ACCEPT")
		r.sync(t, web(0), named("other", "10.96.0.20"))
		r.start(t) // what it doesn't remember
		require.NoError(t, r.Node.Do(func() error {
			for _, b := range r.backends {
				if err := errors.Join(b.Cleanup(t.Context()), b.Cleanup(t.Context())); err != nil {
					return err
				}
			}
			return nil
		}))
		left := r.ruleset(t)
		require.NotContains(t, left, "KUBE-")
		require.NotContains(t, left, "kube-proxy")
		require.Contains(t, left, "dport 9", "others' rules stay")
	})
}

// Two Services that claim one address and port don't stop each other, or the rest. A ClusterIP is nobody else's.
func TestConflict(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		thief := named("a-thief", "10.96.0.66", 1).with(func(spec *v1.ServiceSpec) { spec.ExternalIPs = []string{webIP, externalIP} })
		owner := web(0).with(func(spec *v1.ServiceSpec) { spec.ExternalIPs = []string{externalIP} })
		r.sync(t, thief)
		r.sync(t, owner)
		require.Equal(t, map[string]int{"pod0": 5}, asked(t, r.Outside, at(webIP, port), 5))
		require.Equal(t, map[string]int{"pod1": 5}, asked(t, r.Outside, at(externalIP, port), 5), "the first by name")
		r.sync(t, thief.with(func(spec *v1.ServiceSpec) { spec.ExternalIPs = nil }))
		require.Equal(t, map[string]int{"pod0": 5}, asked(t, r.Outside, at(externalIP, port), 5), "given up, it goes to the next")
	})
}
