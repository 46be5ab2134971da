package model

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ports makes the Ports of a Service in a family from its slices. A Service that the rules don't serve, as a headless one or one of
// other families, has none.
func Ports(svc *v1.Service, endpointSlices []*discoveryv1.EndpointSlice, family v1.IPFamily, node Node) []Port {
	if svc.Spec.Type == v1.ServiceTypeExternalName {
		return nil
	}
	clusterIPs := svc.Spec.ClusterIPs
	if len(clusterIPs) == 0 {
		clusterIPs = []string{svc.Spec.ClusterIP}
	}
	clusterIP := addresses(clusterIPs, family)
	if len(clusterIP) == 0 { // "None" is no address
		return nil
	}
	common := Port{
		Service:     types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name},
		ClusterIP:   clusterIP[0],
		ExternalIPs: addresses(svc.Spec.ExternalIPs, family),
		Affinity:    affinity(svc),
	}
	common.InternalLocal = svc.Spec.InternalTrafficPolicy != nil && *svc.Spec.InternalTrafficPolicy == v1.ServiceInternalTrafficPolicyLocal
	if svc.Spec.Type == v1.ServiceTypeLoadBalancer {
		common.LoadBalancerIPs = loadBalancerIPs(svc, family)
		common.SourceRanges = sourceRanges(svc, family, node, common.LoadBalancerIPs)
	}
	var ports []Port
	for i := range svc.Spec.Ports {
		sp := &svc.Spec.Ports[i]
		if !isPort(sp.Port) || !isProtocol(protocol(&sp.Protocol)) {
			continue
		}
		p := common
		p.Name, p.Protocol, p.Port = sp.Name, protocol(&sp.Protocol), uint16(sp.Port)
		if isPort(sp.NodePort) && (svc.Spec.Type == v1.ServiceTypeNodePort || svc.Spec.Type == v1.ServiceTypeLoadBalancer) {
			p.NodePort = uint16(sp.NodePort)
		}
		p.ExternalLocal = p.IsExternal() && svc.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal
		p.Cluster, p.Local = choose(candidates(&p, endpointSlices, family, node), node)
		ports = append(ports, p)
	}
	return ports
}

// affinity is how long a client stays with its endpoint.
func affinity(svc *v1.Service) time.Duration {
	if svc.Spec.SessionAffinity != v1.ServiceAffinityClientIP {
		return 0
	}
	seconds := v1.DefaultClientIPServiceAffinitySeconds
	if c := svc.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil && *c.ClientIP.TimeoutSeconds > 0 {
		seconds = *c.ClientIP.TimeoutSeconds
	}
	return time.Duration(seconds) * time.Second
}

// loadBalancerIPs are the balancer's addresses that this node answers. Traffic of a balancer in proxy mode is to go through it.
func loadBalancerIPs(svc *v1.Service, family v1.IPFamily) []netip.Addr {
	var all []string
	for _, ingress := range svc.Status.LoadBalancer.Ingress {
		if ingress.IPMode == nil || *ingress.IPMode == v1.LoadBalancerIPModeVIP {
			all = append(all, ingress.IP)
		}
	}
	return addresses(all, family)
}

// sourceRanges are those whose traffic the balancer's addresses take. A range that says nothing lets nobody in. Where the node may
// come in so may the balancer's own address, as which the node comes if it holds that address itself.
func sourceRanges(svc *v1.Service, family v1.IPFamily, node Node, own []netip.Addr) []netip.Prefix {
	var ranges []netip.Prefix
	for _, text := range svc.Spec.LoadBalancerSourceRanges {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text)) // blanks are valid
		switch {
		case err != nil && ranges == nil:
			ranges = []netip.Prefix{}
		case err == nil && isFamily(prefix.Addr(), family):
			ranges = append(ranges, prefix.Masked())
		}
	}
	nodeComesIn := slices.ContainsFunc(ranges, func(r netip.Prefix) bool { return slices.ContainsFunc(node.IPs, r.Contains) })
	if nodeComesIn {
		for _, ip := range own {
			ranges = append(ranges, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	return disjoint(ranges)
}

// disjoint sorts prefixes and leaves out those that lie in another.
func disjoint(prefixes []netip.Prefix) []netip.Prefix {
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	kept := prefixes[:0]
	for _, p := range prefixes {
		if len(kept) == 0 || !kept[len(kept)-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return kept
}

// addresses parses those of the family.
func addresses(texts []string, family v1.IPFamily) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil && isFamily(ip, family) && ip.Zone() == "" {
			all = append(all, ip)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

func isFamily(ip netip.Addr, family v1.IPFamily) bool {
	if family == v1.IPv4Protocol {
		return ip.Is4()
	}
	return ip.Is6() && !ip.Is4In6()
}

func isPort(n int32) bool { return n > 0 && n <= 65535 }

// isProtocol tells whether a protocol is one that rules are made of: it becomes a word of theirs.
func isProtocol(p v1.Protocol) bool {
	return p == v1.ProtocolTCP || p == v1.ProtocolUDP || p == v1.ProtocolSCTP
}

func protocol(p *v1.Protocol) v1.Protocol {
	if p == nil || *p == "" {
		return v1.ProtocolTCP
	}
	return *p
}
