package model

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// here is the node of the tests.
var here = Node{Name: "here", Zone: "a", IPs: []netip.Addr{netip.MustParseAddr("192.168.0.1")}}

func service(change ...func(*v1.Service)) *v1.Service {
	s := &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "svc"}, Spec: v1.ServiceSpec{
		Type: v1.ServiceTypeClusterIP, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1", "fd00::1"},
		Ports: []v1.ServicePort{{Name: "http", Port: 80, Protocol: v1.ProtocolTCP}},
	}}
	for _, c := range change {
		c(s)
	}
	return s
}

// slice is one of IPv4 with the endpoints, whose port http is 8080.
func slice(endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080), Protocol: ptr.To(v1.ProtocolTCP)}},
	}
}

// eps are endpoints.
type eps = []discoveryv1.Endpoint

type change func(*discoveryv1.Endpoint)

func endpoint(ip string, changes ...change) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{ip}, NodeName: ptr.To("there")}
	for _, c := range changes {
		c(&e)
	}
	return e
}

func local(e *discoveryv1.Endpoint)   { e.NodeName = ptr.To("here") }
func unready(e *discoveryv1.Endpoint) { e.Conditions.Ready = ptr.To(false) }
func ending(e *discoveryv1.Endpoint) {
	e.Conditions = discoveryv1.EndpointConditions{Ready: ptr.To(false), Serving: ptr.To(true), Terminating: ptr.To(true)}
}
func ended(e *discoveryv1.Endpoint) {
	e.Conditions = discoveryv1.EndpointConditions{Ready: ptr.To(false), Serving: ptr.To(false), Terminating: ptr.To(true)}
}
func published(e *discoveryv1.Endpoint) { // by publishNotReadyAddresses
	e.Conditions = discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(false), Terminating: ptr.To(false)}
}
func zone(names ...string) change {
	return func(e *discoveryv1.Endpoint) {
		e.Hints = &discoveryv1.EndpointHints{}
		for _, n := range names {
			e.Hints.ForZones = append(e.Hints.ForZones, discoveryv1.ForZone{Name: n})
		}
	}
}
func forNode(name string) change {
	return func(e *discoveryv1.Endpoint) {
		if e.Hints == nil {
			e.Hints = &discoveryv1.EndpointHints{}
		}
		e.Hints.ForNodes = []discoveryv1.ForNode{{Name: name}}
	}
}

func TestEndpoints(t *testing.T) {
	for name, c := range map[string]struct {
		endpoints      eps
		cluster, local []string
	}{
		"none":                       {},
		"ready":                      {eps{endpoint("10.1.0.2"), endpoint("10.1.0.1", local)}, []string{"10.1.0.1", "10.1.0.2"}, []string{"10.1.0.1"}},
		"twice":                      {eps{endpoint("10.1.0.1"), endpoint("10.1.0.1", unready), endpoint("10.1.0.1", ending)}, []string{"10.1.0.1"}, nil},
		"unready":                    {eps{endpoint("10.1.0.1", local, unready)}, nil, nil},
		"published":                  {eps{endpoint("10.1.0.1", published)}, []string{"10.1.0.1"}, nil},
		"ending, not needed":         {eps{endpoint("10.1.0.1", ending), endpoint("10.1.0.2")}, []string{"10.1.0.2"}, nil},
		"ending, needed":             {eps{endpoint("10.1.0.1", ending), endpoint("10.1.0.2", unready), endpoint("10.1.0.3", ended)}, []string{"10.1.0.1"}, nil},
		"ending, needed here":        {eps{endpoint("10.1.0.1", ending, local), endpoint("10.1.0.2")}, []string{"10.1.0.2"}, []string{"10.1.0.1"}},
		"no IP":                      {eps{endpoint("nonsense"), endpoint("fd00::5"), endpoint("::ffff:1.2.3.4"), {}}, nil, nil},
		"zones":                      {eps{endpoint("10.1.0.1", zone("a")), endpoint("10.1.0.2", zone("b")), endpoint("10.1.0.3", zone("b", "a"))}, []string{"10.1.0.1", "10.1.0.3"}, nil},
		"zones, none here":           {eps{endpoint("10.1.0.1", zone("c")), endpoint("10.1.0.2", zone("b"))}, []string{"10.1.0.1", "10.1.0.2"}, nil},
		"zones, not for all":         {eps{endpoint("10.1.0.1", zone("a")), endpoint("10.1.0.2")}, []string{"10.1.0.1", "10.1.0.2"}, nil},
		"zones, others not ready":    {eps{endpoint("10.1.0.1", zone("a")), endpoint("10.1.0.2", unready)}, []string{"10.1.0.1"}, nil},
		"zones don't hide the local": {eps{endpoint("10.1.0.1", zone("a")), endpoint("10.1.0.2", local, zone("b"))}, []string{"10.1.0.1"}, []string{"10.1.0.2"}},
		"nodes":                      {eps{endpoint("10.1.0.1", zone("a"), forNode("here")), endpoint("10.1.0.2", zone("a"), forNode("there"))}, []string{"10.1.0.1"}, nil},
		"nodes, none here":           {eps{endpoint("10.1.0.1", zone("a"), forNode("x")), endpoint("10.1.0.2", zone("b"), forNode("y"))}, []string{"10.1.0.1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ports := Ports(service(), []*discoveryv1.EndpointSlice{slice(c.endpoints...)}, v1.IPv4Protocol, here)
			require.Len(t, ports, 1)
			require.Equal(t, at8080(c.cluster), ports[0].Cluster)
			require.Equal(t, at8080(c.local), ports[0].Local)
		})
	}
}

func at8080(ips []string) (all []netip.AddrPort) {
	for _, ip := range ips {
		all = append(all, netip.AddrPortFrom(netip.MustParseAddr(ip), 8080))
	}
	return all
}

func TestNamedPortsDifferBetweenSlices(t *testing.T) {
	other := slice(endpoint("10.1.0.2"))
	other.Ports[0].Port = ptr.To[int32](9090)
	unnamed := slice(endpoint("10.1.0.3"))
	unnamed.Ports[0].Name = nil
	udp := slice(endpoint("10.1.0.4"))
	udp.Ports[0].Protocol = ptr.To(v1.ProtocolUDP)
	ports := Ports(service(), []*discoveryv1.EndpointSlice{other, slice(endpoint("10.1.0.1")), unnamed, udp}, v1.IPv4Protocol, here)
	require.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:8080"), netip.MustParseAddrPort("10.1.0.2:9090")}, ports[0].Cluster)
}

func TestFamilies(t *testing.T) {
	v6 := slice(endpoint("fd00:1::1"))
	v6.AddressType = discoveryv1.AddressTypeIPv6
	slices := []*discoveryv1.EndpointSlice{slice(endpoint("10.1.0.1")), v6}
	s := service(func(s *v1.Service) { s.Spec.ExternalIPs = []string{"1.2.3.4", "2001:db8::1"} })
	four, six := Ports(s, slices, v1.IPv4Protocol, here), Ports(s, slices, v1.IPv6Protocol, here)
	require.Equal(t, "10.0.0.1", four[0].ClusterIP.String())
	require.Equal(t, "[1.2.3.4]", ipsOf(four[0].ExternalIPs))
	require.Equal(t, "10.1.0.1:8080", four[0].Cluster[0].String())
	require.Equal(t, "fd00::1", six[0].ClusterIP.String())
	require.Equal(t, "[2001:db8::1]", ipsOf(six[0].ExternalIPs))
	require.Equal(t, "[fd00:1::1]:8080", six[0].Cluster[0].String())
	s.Spec.ClusterIPs = s.Spec.ClusterIPs[:1]
	require.Empty(t, Ports(s, slices, v1.IPv6Protocol, here))
}

func ipsOf(ips []netip.Addr) string {
	text := "["
	for i, ip := range ips {
		if i > 0 {
			text += " "
		}
		text += ip.String()
	}
	return text + "]"
}

func TestServicesThatNeedNoRules(t *testing.T) {
	for name, change := range map[string]func(*v1.Service){
		"headless": func(s *v1.Service) {
			s.Spec.ClusterIP, s.Spec.ClusterIPs = v1.ClusterIPNone, []string{v1.ClusterIPNone}
		},
		"ExternalName": func(s *v1.Service) { s.Spec.Type = v1.ServiceTypeExternalName },
		"no address":   func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil },
		"nonsense":     func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "x", []string{"x"} },
		"no port":      func(s *v1.Service) { s.Spec.Ports[0].Port = 0 },
	} {
		require.Empty(t, Ports(service(change), nil, v1.IPv4Protocol, here), name)
	}
}

func TestAddresses(t *testing.T) {
	balancer := func(s *v1.Service) {
		s.Spec.Type = v1.ServiceTypeLoadBalancer
		s.Spec.Ports[0].NodePort = 30000
		s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{
			{IP: "5.0.0.2"}, {IP: "5.0.0.1", IPMode: ptr.To(v1.LoadBalancerIPModeVIP)},
			{IP: "5.0.0.3", IPMode: ptr.To(v1.LoadBalancerIPModeProxy)}, {Hostname: "lb"},
		}
	}
	ranges := func(texts ...string) func(*v1.Service) {
		return func(s *v1.Service) { s.Spec.LoadBalancerSourceRanges = texts }
	}
	p := Ports(service(balancer), nil, v1.IPv4Protocol, here)[0]
	require.Equal(t, "[5.0.0.1 5.0.0.2]", ipsOf(p.LoadBalancerIPs))
	require.Equal(t, uint16(30000), p.NodePort)
	require.Nil(t, p.SourceRanges, "everyone's traffic")
	require.True(t, p.IsExternal())
	require.Equal(t, []netip.AddrPort{
		netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("5.0.0.1:80"), netip.MustParseAddrPort("5.0.0.2:80"),
		netip.AddrPortFrom(netip.Addr{}, 30000),
	}, p.Places())

	for _, c := range []struct {
		given []string
		want  []string
	}{
		{[]string{"10.0.0.0/8", "10.1.0.0/16", "1.2.3.4/24"}, []string{"1.2.3.0/24", "10.0.0.0/8"}},
		{[]string{"nonsense"}, []string{}},
		{[]string{" 1.2.3.0/24 "}, []string{"1.2.3.0/24"}},
		{[]string{"192.168.0.0/16"}, []string{"5.0.0.1/32", "5.0.0.2/32", "192.168.0.0/16"}}, // the node's
	} {
		got := []string{}
		p := Ports(service(balancer, ranges(c.given...)), nil, v1.IPv4Protocol, here)[0]
		require.NotNil(t, p.SourceRanges)
		for _, r := range p.SourceRanges {
			got = append(got, r.String())
		}
		require.Equal(t, c.want, got)
	}

	clusterIP := Ports(service(func(s *v1.Service) { s.Spec.Ports[0].NodePort = 30000 }), nil, v1.IPv4Protocol, here)[0]
	require.Zero(t, clusterIP.NodePort, "left from when it was of another type")
	require.False(t, clusterIP.IsExternal())
}

// What the API refuses, and another server may not, becomes no rule.
func TestAProtocolIsAWord(t *testing.T) {
	require.Empty(t, Ports(service(func(s *v1.Service) { s.Spec.Ports[0].Protocol = "tcp accept; tcp" }), nil, v1.IPv4Protocol, here))
}

func TestAffinityTimes(t *testing.T) {
	clientIP := func(seconds *int32) func(*v1.Service) {
		return func(s *v1.Service) {
			s.Spec.SessionAffinity = v1.ServiceAffinityClientIP
			s.Spec.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: seconds}}
		}
	}
	require.Zero(t, Ports(service(), nil, v1.IPv4Protocol, here)[0].Affinity)
	require.Equal(t, 3*time.Hour, Ports(service(clientIP(nil)), nil, v1.IPv4Protocol, here)[0].Affinity)
	require.Equal(t, time.Minute, Ports(service(clientIP(ptr.To[int32](60))), nil, v1.IPv4Protocol, here)[0].Affinity)
}

func TestFates(t *testing.T) {
	policies := func(s *v1.Service) {
		s.Spec.Type, s.Spec.ExternalTrafficPolicy = v1.ServiceTypeNodePort, v1.ServiceExternalTrafficPolicyLocal
		s.Spec.Ports[0].NodePort = 30000
		s.Spec.InternalTrafficPolicy = ptr.To(v1.ServiceInternalTrafficPolicyLocal)
	}
	for name, c := range map[string]struct {
		service            *v1.Service
		endpoints          []discoveryv1.Endpoint
		internal, external Fate
	}{
		"nobody":        {service(), nil, Reject, Reject},
		"somebody":      {service(), []discoveryv1.Endpoint{endpoint("10.1.0.1")}, Answered, Answered},
		"nobody, local": {service(policies), nil, Reject, Reject},
		"elsewhere":     {service(policies), []discoveryv1.Endpoint{endpoint("10.1.0.1")}, Drop, Drop},
		"here":          {service(policies), []discoveryv1.Endpoint{endpoint("10.1.0.1", local)}, Answered, Answered},
	} {
		p := Ports(c.service, []*discoveryv1.EndpointSlice{slice(c.endpoints...)}, v1.IPv4Protocol, here)[0]
		require.Equal(t, c.internal, p.Internal(), name)
		require.Equal(t, c.external, p.External(), name)
	}
}

func TestLocalReady(t *testing.T) {
	v6 := slice(endpoint("fd00:1::1", local))
	v6.AddressType = discoveryv1.AddressTypeIPv6
	slices := []*discoveryv1.EndpointSlice{
		slice(endpoint("10.1.0.1", local), endpoint("10.1.0.2"), endpoint("10.1.0.3", local, ending), endpoint("10.1.0.4", local)),
		slice(endpoint("10.1.0.1", local)), v6,
	}
	require.Equal(t, 2, LocalReady(slices, here))
	require.Zero(t, LocalReady(nil, here))
}

// Whatever objects hold, making Ports of them ends well.
func FuzzPorts(f *testing.F) {
	f.Add("10.0.0.1", "10.0.0.0/8", int32(80), "10.1.0.1", int32(8080))
	f.Add("fe80::1%eth0", "::/0", int32(-1), "::ffff:10.0.0.1", int32(70000))
	f.Fuzz(func(t *testing.T, ip, prefix string, port int32, endpointIP string, target int32) {
		s := service(func(s *v1.Service) {
			s.Spec.Type, s.Spec.ClusterIPs, s.Spec.LoadBalancerSourceRanges = v1.ServiceTypeLoadBalancer, []string{ip}, []string{prefix}
			s.Spec.Ports[0].Port, s.Spec.Ports[0].NodePort = port, port
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: ip}}
		})
		e := slice(endpoint(endpointIP))
		e.Ports[0].Port = &target
		for _, family := range []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol} {
			for _, p := range Ports(s, []*discoveryv1.EndpointSlice{e}, family, here) {
				require.NotZero(t, p.Port)
				require.True(t, isFamily(p.ClusterIP, family))
				for _, e := range p.Cluster {
					require.True(t, isFamily(e.Addr(), family) && e.Port() != 0)
				}
			}
		}
	})
}
