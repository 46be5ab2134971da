package model

import (
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Port is one port of a Service in one address family, and all that must hold for it on this node.
type Port struct {
	Service  types.NamespacedName
	Name     string // of the port; empty when it is the only one
	Protocol v1.Protocol

	ClusterIP       netip.Addr
	Port            uint16 // on ClusterIP, ExternalIPs and LoadBalancerIPs
	NodePort        uint16 // 0: none
	ExternalIPs     []netip.Addr
	LoadBalancerIPs []netip.Addr
	SourceRanges    []netip.Prefix // whose traffic LoadBalancerIPs take; nil: everyone's; empty: nobody's

	Affinity      time.Duration // how long a client stays with its endpoint; 0: it doesn't
	InternalLocal bool          // traffic to ClusterIP goes to Local endpoints only
	ExternalLocal bool          // traffic from outside goes to Local endpoints only, and keeps its source address

	Cluster []netip.AddrPort // endpoints for traffic that may go to any node
	Local   []netip.AddrPort // endpoints on this node
}

// Fate is what becomes of a new connection that no endpoint takes.
type Fate int

const (
	Answered Fate = iota // there is an endpoint
	Reject               // the client is told at once: the Service has no endpoint anywhere
	Drop                 // silence: there are endpoints, but on other nodes, and a load balancer should have gone there
)

// IsExternal tells whether the port is answered on other addresses than its ClusterIP.
func (p *Port) IsExternal() bool {
	return p.NodePort != 0 || len(p.ExternalIPs) > 0 || len(p.LoadBalancerIPs) > 0
}

// Internal is what becomes of connections to ClusterIP.
func (p *Port) Internal() Fate { return p.fate(p.InternalLocal) }

// External is what becomes of connections from outside the node to the port's other addresses. Pods of this node and the node
// itself are served by Cluster endpoints there whatever the policy.
func (p *Port) External() Fate { return p.fate(p.ExternalLocal) }

func (p *Port) fate(local bool) Fate {
	switch {
	case len(p.Cluster) == 0:
		return Reject // Local has none either
	case local && len(p.Local) == 0:
		return Drop
	}
	return Answered
}

// String names the port as users know it.
func (p *Port) String() string {
	if p.Name == "" {
		return p.Service.String()
	}
	return p.Service.String() + ":" + p.Name
}

// Places are where the port is answered. The zero address stands for the node's own ones.
func (p *Port) Places() []netip.AddrPort {
	places := []netip.AddrPort{netip.AddrPortFrom(p.ClusterIP, p.Port)}
	for _, ip := range slices.Concat(p.ExternalIPs, p.LoadBalancerIPs) {
		places = append(places, netip.AddrPortFrom(ip, p.Port))
	}
	if p.NodePort != 0 {
		places = append(places, netip.AddrPortFrom(netip.Addr{}, p.NodePort))
	}
	return places
}
