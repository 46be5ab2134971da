package services

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/allocator"
	"github.com/petcd/petcd/orchestrator/apiserver/allocator/allocatortest"
)

const (
	four = corev1.IPv4Protocol
	six  = corev1.IPv6Protocol

	single = corev1.IPFamilyPolicySingleStack
	prefer = corev1.IPFamilyPolicyPreferDualStack
	both   = corev1.IPFamilyPolicyRequireDualStack
)

// cluster has room for ten node ports, and addresses of one family or both.
type cluster struct {
	*Services
	t     *testing.T
	v4    *allocator.IPs
	ports *allocator.Ports
}

func newCluster(t *testing.T, dual bool) *cluster {
	t.Helper()
	of := func(cidr string) *allocator.IPs {
		a, err := allocator.NewIPs(netip.MustParsePrefix(cidr), &allocatortest.Memory{})
		require.NoError(t, err)
		return a
	}
	ports, err := allocator.NewPorts(utilnet.PortRange{Base: 30000, Size: 10}, &allocatortest.Memory{})
	require.NoError(t, err)
	ips := []*allocator.IPs{of("10.0.0.0/24")}
	if dual {
		ips = append(ips, of("fd00::/120"))
	}
	s, err := New(ports, ips...)
	require.NoError(t, err)
	// What others have.
	require.NoError(t, ips[0].Allocate(context.Background(), netip.MustParseAddr("10.0.0.1")))
	require.NoError(t, ports.Allocate(context.Background(), 30000))
	return &cluster{Services: s, t: t, v4: ips[0], ports: ports}
}

// free is what is left: addresses of IPv4 and ports.
func (c *cluster) free() [2]int {
	c.t.Helper()
	ips, err := c.v4.Free(context.Background())
	require.NoError(c.t, err)
	ports, err := c.ports.Free(context.Background())
	require.NoError(c.t, err)
	return [2]int{ips, ports}
}

// create makes a Service, or returns why not.
func (c *cluster) create(svc *corev1.Service) error {
	finish, err := c.BeginCreate(context.Background(), svc, &metav1.CreateOptions{})
	if err == nil {
		finish(context.Background(), true)
		finish(context.Background(), false) // as a deferred call does: too late
	}
	return err
}

func (c *cluster) update(svc, was *corev1.Service) error {
	finish, err := c.BeginUpdate(context.Background(), svc, was, &metav1.UpdateOptions{})
	if err == nil {
		finish(context.Background(), true)
	}
	return err
}

func service(typ corev1.ServiceType, change ...func(*corev1.ServiceSpec)) *corev1.Service {
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}, Spec: corev1.ServiceSpec{
		Type: typ, Selector: map[string]string{"a": "b"}, Ports: []corev1.ServicePort{{Name: "a", Protocol: corev1.ProtocolTCP, Port: 80}},
	}}
	if typ == corev1.ServiceTypeExternalName {
		svc.Spec.ExternalName, svc.Spec.Selector, svc.Spec.Ports = "example.com", nil, nil
	}
	for _, f := range change {
		f(&svc.Spec)
	}
	return svc
}

func ip(ips ...string) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = ips[0], ips }
}

func policy(p corev1.IPFamilyPolicy, families ...corev1.IPFamily) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.IPFamilyPolicy, s.IPFamilies = &p, families }
}

func port(number int32) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.Ports[0].NodePort = number }
}

func another(name string, protocol corev1.Protocol, number, node int32) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) {
		s.Ports = append(s.Ports, corev1.ServicePort{Name: name, Protocol: protocol, Port: number, NodePort: node})
	}
}

func noSelector(s *corev1.ServiceSpec) { s.Selector = nil }

func local(s *corev1.ServiceSpec) { s.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }

func TestCreateAddresses(t *testing.T) {
	const typ = corev1.ServiceTypeClusterIP
	none := ip(corev1.ClusterIPNone)
	only := func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.7" }
	for name, tc := range map[string]struct {
		dual     bool
		svc      *corev1.Service
		policy   corev1.IPFamilyPolicy
		families []corev1.IPFamily
		ips      []string // "4" and "6" are any of that family
		err      string
	}{
		"any":                       {false, service(typ), single, []corev1.IPFamily{four}, []string{"4"}, ""},
		"chosen":                    {false, service(typ, ip("10.0.0.9")), single, []corev1.IPFamily{four}, []string{"10.0.0.9"}, ""},
		"chosen by the old field":   {false, service(typ, only), single, []corev1.IPFamily{four}, []string{"10.0.0.7"}, ""},
		"another's":                 {false, service(typ, ip("10.0.0.1")), "", nil, nil, "failed to allocate IP 10.0.0.1: provided IP is already allocated"},
		"outside":                   {false, service(typ, ip("10.1.0.1")), "", nil, nil, "failed to allocate IP 10.1.0.1: the provided IP (10.1.0.1) is not in the valid range. The range of valid IPs is 10.0.0.0/24"},
		"no address":                {false, service(typ, ip("ten")), "", nil, nil, `spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address`},
		"not in step":               {false, service(typ, func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "10.0.0.2", []string{"10.0.0.3"} }), "", nil, nil, "first value must match `clusterIP`"},
		"without the old field":     {false, service(typ, func(s *corev1.ServiceSpec) { s.ClusterIPs = []string{"10.0.0.3"} }), "", nil, nil, "must be empty when `clusterIP` is not specified"},
		"headless":                  {false, service(typ, none), single, []corev1.IPFamily{four}, []string{"None"}, ""},
		"headless, no selector":     {false, service(typ, none, noSelector), both, []corev1.IPFamily{four, six}, []string{"None"}, ""},
		"none and one":              {false, service(typ, ip("None", "10.0.0.2")), "", nil, nil, "'None' must be the first and only value"},
		"external name":             {false, service(corev1.ServiceTypeExternalName), "", nil, nil, ""},
		"two, single cluster":       {false, service(typ, policy(both)), "", nil, nil, `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`},
		"two preferred, single":     {false, service(typ, policy(prefer)), prefer, []corev1.IPFamily{four}, []string{"4"}, ""},
		"six, single cluster":       {false, service(typ, policy(single, six)), "", nil, nil, `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`},
		"six by address, single":    {false, service(typ, ip("fd00::9")), "", nil, nil, "IPv6 is not configured on this cluster"},
		"default, dual cluster":     {true, service(typ), single, []corev1.IPFamily{four}, []string{"4"}, ""},
		"six":                       {true, service(typ, policy(single, six)), single, []corev1.IPFamily{six}, []string{"6"}, ""},
		"two preferred":             {true, service(typ, policy(prefer)), prefer, []corev1.IPFamily{four, six}, []string{"4", "6"}, ""},
		"two, six first":            {true, service(typ, policy(both, six)), both, []corev1.IPFamily{six, four}, []string{"6", "4"}, ""},
		"two, by the first address": {true, service(typ, policy(both), ip("fd00::9")), both, []corev1.IPFamily{six, four}, []string{"fd00::9", "4"}, ""},
		"two chosen":                {true, service(typ, policy(prefer), ip("10.0.0.9", "fd00::9")), prefer, []corev1.IPFamily{four, six}, []string{"10.0.0.9", "fd00::9"}, ""},
		"two without saying so":     {true, service(typ, ip("10.0.0.9", "fd00::9")), "", nil, nil, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"},
		"two families, single":      {true, service(typ, policy(single, four, six)), "", nil, nil, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"},
		"two of a kind":             {true, service(typ, policy(prefer), ip("10.0.0.9", "10.0.0.8")), "", nil, nil, "may specify no more than one IP for each IP family"},
		"another family than said":  {true, service(typ, policy(single, six), ip("10.0.0.9")), "", nil, nil, "expected an IPv6 value as indicated by `ipFamilies[0]`"},
		"a family twice":            {true, service(typ, policy(prefer, six, six)), "", nil, nil, `spec.ipFamilies[1]: Duplicate value: "IPv6"`},
		"a family that isn't":       {true, service(typ, policy(prefer, "IPv5")), "", nil, nil, `spec.ipFamilies[0]: Unsupported value: "IPv5"`},
		"the second is another's":   {true, service(typ, policy(prefer), ip("fd00::9", "10.0.0.1")), "", nil, nil, "failed to allocate IP 10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, tc.dual)
			before := c.free()
			err := c.create(tc.svc)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				require.True(t, apierrors.IsInvalid(err))
				require.Equal(t, before, c.free())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.policy, ptr.Deref(tc.svc.Spec.IPFamilyPolicy, ""))
			require.Equal(t, tc.families, tc.svc.Spec.IPFamilies)
			require.Len(t, tc.svc.Spec.ClusterIPs, len(tc.ips))
			for i, want := range tc.ips {
				got := tc.svc.Spec.ClusterIPs[i]
				switch want {
				case "4":
					require.Equal(t, four, familyOf(got))
				case "6":
					require.Equal(t, six, familyOf(got))
				default:
					require.Equal(t, want, got)
				}
			}
			if len(tc.ips) > 0 {
				require.Equal(t, tc.svc.Spec.ClusterIPs[0], tc.svc.Spec.ClusterIP)
			}
		})
	}
}

func TestCreatePorts(t *testing.T) {
	const node, balancer = corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer
	noPorts := func(s *corev1.ServiceSpec) { s.AllocateLoadBalancerNodePorts = ptr.To(false) }
	health := func(number int32) func(*corev1.ServiceSpec) {
		return func(s *corev1.ServiceSpec) { s.HealthCheckNodePort = number }
	}
	const free, noPort = -1, 0
	for name, tc := range map[string]struct {
		svc    *corev1.Service
		want   []int32
		health int32
		taken  int
		err    string
	}{
		"cluster only":          {service(corev1.ServiceTypeClusterIP), []int32{noPort}, noPort, 0, ""},
		"any":                   {service(node), []int32{free}, noPort, 1, ""},
		"chosen":                {service(node, port(30007)), []int32{30007}, noPort, 1, ""},
		"another's":             {service(node, port(30000)), nil, noPort, 0, "spec.ports[0].nodePort: Invalid value: 30000: provided port is already allocated"},
		"outside":               {service(node, port(80)), nil, noPort, 0, "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30009"},
		"the second another's":  {service(node, another("b", corev1.ProtocolTCP, 81, 30000)), nil, noPort, 0, "spec.ports[1].nodePort: Invalid value: 30000"},
		"two":                   {service(node, port(30007), another("b", corev1.ProtocolTCP, 81, 0)), []int32{30007, free}, noPort, 2, ""},
		"of two protocols":      {service(node, port(30007), another("b", corev1.ProtocolUDP, 80, 0)), []int32{30007, 30007}, noPort, 1, ""},
		"one for two protocols": {service(node, port(30007), another("b", corev1.ProtocolUDP, 81, 30007)), []int32{30007, 30007}, noPort, 1, ""},
		"balancer":              {service(balancer), []int32{free}, noPort, 1, ""},
		"balancer without":      {service(balancer, noPorts), []int32{noPort}, noPort, 0, ""},
		"balancer, one asked":   {service(balancer, noPorts, port(30007), another("b", corev1.ProtocolTCP, 81, 0)), []int32{30007, noPort}, noPort, 1, ""},
		"local":                 {service(balancer, local), []int32{free}, free, 2, ""},
		"local, chosen":         {service(balancer, local, health(30008)), []int32{free}, 30008, 2, ""},
		"local, another's":      {service(balancer, local, health(30000)), nil, noPort, 0, "failed to allocate requested HealthCheck NodePort 30000: provided port is already allocated"},
		"local, its own":        {service(balancer, local, port(30007), health(30007)), nil, noPort, 0, "HealthCheck NodePort 30007"},
		"local node port":       {service(node, local), []int32{free}, noPort, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, false)
			before := c.free()
			err := c.create(tc.svc)
			require.Equal(t, before[1]-tc.taken, c.free()[1])
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				require.Equal(t, before, c.free(), "the address was given back too")
				return
			}
			require.NoError(t, err)
			is := func(want, got int32) {
				if want == free {
					require.Greater(t, got, int32(30000))
					return
				}
				require.Equal(t, want, got)
			}
			for i, p := range tc.svc.Spec.Ports {
				is(tc.want[i], p.NodePort)
			}
			is(tc.health, tc.svc.Spec.HealthCheckNodePort)
		})
	}
}

func TestFailureGivesBack(t *testing.T) {
	c := newCluster(t, true)
	before := c.free()
	ctx, cancel := context.WithCancel(context.Background())
	finish, err := c.BeginCreate(ctx, service(corev1.ServiceTypeLoadBalancer, local, policy(prefer)), nil)
	require.NoError(t, err)
	require.Equal(t, [2]int{before[0] - 1, before[1] - 2}, c.free())
	cancel() // the request's end must not keep it
	finish(ctx, false)
	require.Equal(t, before, c.free())
}

// The storage calls again when somebody else was faster: what the first try took is not in the way of the second.
func TestRetry(t *testing.T) {
	c, svc := newCluster(t, false), service(corev1.ServiceTypeClusterIP)
	before := c.free()
	require.NoError(t, c.create(svc))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 2 {
		asked := svc.DeepCopy()
		asked.Spec.Type, asked.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30007
		finish, err := c.BeginUpdate(ctx, asked, svc, nil)
		require.NoError(t, err)
		finish(ctx, true)
	}
	require.Equal(t, [2]int{before[0] - 1, before[1] - 1}, c.free())
	cancel()
	require.Eventually(t, func() bool {
		c.tries.mu.Lock()
		defer c.tries.mu.Unlock()
		return len(c.tries.of) == 0
	}, time.Second, time.Millisecond, "the request is over")
}

func TestDryRunTakesNothing(t *testing.T) {
	c := newCluster(t, true)
	before, svc := c.free(), service(corev1.ServiceTypeNodePort, another("b", corev1.ProtocolTCP, 81, 0))
	finish, err := c.BeginCreate(context.Background(), svc, &metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	require.NoError(t, err)
	finish(context.Background(), true)
	require.NotEmpty(t, svc.Spec.ClusterIP)
	require.NotEqual(t, svc.Spec.Ports[0].NodePort, svc.Spec.Ports[1].NodePort)
	require.Equal(t, before, c.free())

	require.NoError(t, c.create(svc))
	before = c.free()
	c.AfterDelete(svc, &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	require.Equal(t, before, c.free())
}

func TestDelete(t *testing.T) {
	c := newCluster(t, true)
	before, svc := c.free(), service(corev1.ServiceTypeLoadBalancer, local, policy(both))
	require.NoError(t, c.create(svc))
	c.AfterDelete(svc, &metav1.DeleteOptions{})
	require.Equal(t, before, c.free())
}

// An update step changes the object that was sent; left is what is free afterwards beside what was before the creation.
func TestUpdates(t *testing.T) {
	typ := func(t corev1.ServiceType) func(*corev1.ServiceSpec) {
		return func(s *corev1.ServiceSpec) { s.Type = t }
	}
	external := func(s *corev1.ServiceSpec) { s.Type, s.ExternalName = corev1.ServiceTypeExternalName, "example.com" }
	forget := func(s *corev1.ServiceSpec) { // as the manifest has it that the Service was made of
		s.ClusterIP, s.ClusterIPs, s.IPFamilies, s.IPFamilyPolicy, s.HealthCheckNodePort = "", nil, nil, nil, 0
		for i := range s.Ports {
			s.Ports[i].NodePort = 0
		}
	}
	cut := func(s *corev1.ServiceSpec) { s.ClusterIPs = s.ClusterIPs[:1] }
	cutFamilies := func(s *corev1.ServiceSpec) { s.IPFamilies = s.IPFamilies[:1] }
	policyOnly := func(p corev1.IPFamilyPolicy) func(*corev1.ServiceSpec) {
		return func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &p }
	}
	const clusterIP, node, balancer = corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer
	for name, tc := range map[string]struct {
		svc    *corev1.Service
		change []func(*corev1.ServiceSpec)
		taken  [2]int
		same   bool // all that was assigned stays
		err    string
		check  func(t *testing.T, s *corev1.ServiceSpec)
	}{
		"nothing":          {service(balancer, local), nil, [2]int{1, 2}, true, "", nil},
		"left out":         {service(balancer, local), []func(*corev1.ServiceSpec){forget}, [2]int{1, 2}, true, "", nil},
		"left out, dual":   {service(clusterIP, policy(prefer)), []func(*corev1.ServiceSpec){forget}, [2]int{1, 0}, true, "", nil},
		"left out, named":  {service(node, another("b", corev1.ProtocolTCP, 81, 0)), []func(*corev1.ServiceSpec){forget}, [2]int{1, 2}, true, "", nil},
		"to a node port":   {service(clusterIP), []func(*corev1.ServiceSpec){typ(node)}, [2]int{1, 1}, false, "", nil},
		"to another port":  {service(node, port(30003)), []func(*corev1.ServiceSpec){port(30004)}, [2]int{1, 1}, false, "", nil},
		"to another's":     {service(node, port(30003)), []func(*corev1.ServiceSpec){port(30000)}, [2]int{1, 1}, false, "spec.ports[0].nodePort: Invalid value: 30000: provided port is already allocated", nil},
		"one more port":    {service(node), []func(*corev1.ServiceSpec){another("b", corev1.ProtocolTCP, 81, 0)}, [2]int{1, 2}, false, "", nil},
		"no node port":     {service(node), []func(*corev1.ServiceSpec){typ(clusterIP)}, [2]int{1, 0}, false, "", func(t *testing.T, s *corev1.ServiceSpec) { require.Zero(t, s.Ports[0].NodePort) }},
		"no balancer":      {service(balancer, local), []func(*corev1.ServiceSpec){typ(node)}, [2]int{1, 1}, false, "", func(t *testing.T, s *corev1.ServiceSpec) { require.Zero(t, s.HealthCheckNodePort) }},
		"no longer local":  {service(balancer, local), []func(*corev1.ServiceSpec){func(s *corev1.ServiceSpec) { s.ExternalTrafficPolicy = "Cluster" }}, [2]int{1, 1}, false, "", func(t *testing.T, s *corev1.ServiceSpec) { require.Zero(t, s.HealthCheckNodePort) }},
		"from outside not": {service(balancer, local), []func(*corev1.ServiceSpec){typ(clusterIP)}, [2]int{1, 0}, false, "", func(t *testing.T, s *corev1.ServiceSpec) { require.Empty(t, s.ExternalTrafficPolicy) }},
		"becomes local":    {service(balancer), []func(*corev1.ServiceSpec){local}, [2]int{1, 2}, false, "", func(t *testing.T, s *corev1.ServiceSpec) { require.NotZero(t, s.HealthCheckNodePort) }},
		"to a name": {service(node, policy(prefer)), []func(*corev1.ServiceSpec){external}, [2]int{0, 0}, false, "", func(t *testing.T, s *corev1.ServiceSpec) {
			require.Empty(t, s.ClusterIP)
			require.Empty(t, s.ClusterIPs)
			require.Empty(t, s.IPFamilies)
			require.Nil(t, s.IPFamilyPolicy)
		}},
		"from a name":    {service(corev1.ServiceTypeExternalName), []func(*corev1.ServiceSpec){typ(clusterIP)}, [2]int{1, 0}, false, "", nil},
		"headless stays": {service(clusterIP, ip("None")), []func(*corev1.ServiceSpec){forget}, [2]int{0, 0}, true, "", nil},
		"to two": {service(clusterIP), []func(*corev1.ServiceSpec){policyOnly(prefer)}, [2]int{1, 0}, false, "", func(t *testing.T, s *corev1.ServiceSpec) {
			require.Equal(t, []corev1.IPFamily{four, six}, s.IPFamilies)
			require.Len(t, s.ClusterIPs, 2)
		}},
		"to one": {service(clusterIP, policy(both, six)), []func(*corev1.ServiceSpec){policyOnly(single)}, [2]int{0, 0}, false, "", func(t *testing.T, s *corev1.ServiceSpec) {
			require.Equal(t, []corev1.IPFamily{six}, s.IPFamilies)
			require.Len(t, s.ClusterIPs, 1)
		}},
		"one less, unsaid":    {service(clusterIP, policy(both)), []func(*corev1.ServiceSpec){cut}, [2]int{1, 0}, false, "must be 'SingleStack' to release the secondary cluster IP", nil},
		"family less, unsaid": {service(clusterIP, policy(both)), []func(*corev1.ServiceSpec){cutFamilies}, [2]int{1, 0}, false, "must be 'SingleStack' to release the secondary IP family", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, true)
			before := c.free()
			require.NoError(t, c.create(tc.svc))
			svc := tc.svc.DeepCopy()
			for _, f := range tc.change {
				f(&svc.Spec)
			}
			err := c.update(svc, tc.svc)
			require.Equal(t, [2]int{before[0] - tc.taken[0], before[1] - tc.taken[1]}, c.free())
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			if tc.same {
				require.Equal(t, tc.svc, svc)
			}
			if tc.check != nil {
				tc.check(t, &svc.Spec)
			}
		})
	}
}

// A Service that prefers two families keeps the one that it has when the cluster gets a second.
func TestClusterGetsASecondFamily(t *testing.T) {
	svc := service(corev1.ServiceTypeClusterIP, policy(prefer))
	require.NoError(t, newCluster(t, false).create(svc))
	later := svc.DeepCopy()
	require.NoError(t, newCluster(t, true).update(later, svc))
	require.Equal(t, svc, later)
}

func TestRepair(t *testing.T) {
	ctx, c := context.Background(), newCluster(t, true)
	lost := service(corev1.ServiceTypeLoadBalancer, ip("10.0.0.9", "fd00::9"), port(30007), local)
	lost.Spec.HealthCheckNodePort = 30008
	name := service(corev1.ServiceTypeExternalName)
	name.Name = "name"
	client := fake.NewClientset(lost, name)
	for range 3 { // then what nobody has is free
		require.NoError(t, c.Repair(ctx, client))
	}
	require.Equal(t, [2]int{253, 8}, c.free())
	require.ErrorContains(t, c.create(service(corev1.ServiceTypeClusterIP, ip("10.0.0.9"))), "provided IP is already allocated")
	require.ErrorContains(t, c.create(service(corev1.ServiceTypeClusterIP, policy(single), ip("fd00::9"))), "provided IP is already allocated")
	require.ErrorContains(t, c.create(service(corev1.ServiceTypeNodePort, port(30008))), "provided port is already allocated")
	require.NoError(t, c.create(service(corev1.ServiceTypeNodePort, ip("10.0.0.1"), port(30000))))
}

func TestNew(t *testing.T) {
	_, err := New(nil)
	require.Error(t, err)
	c := newCluster(t, false)
	_, err = New(c.ports, c.v4, c.v4)
	require.ErrorContains(t, err, "more than one range of IPv4")
}
