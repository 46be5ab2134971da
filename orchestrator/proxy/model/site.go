package model

import (
	"net/netip"
)

// Node is what the choice of endpoints depends on.
type Node struct {
	Name string
	Zone string
	IPs  []netip.Addr // of the node itself
}

// Site is what the rules of a node in one address family have in common, whatever Services there are.
type Site struct {
	Pods     Pods
	NodePort []netip.Prefix // the node's addresses that answer node ports; nil: all but loopback

	LocalhostNodePorts bool   // iptables only: loopback answers node ports, too
	MasqueradeAll      bool   // all traffic to ClusterIPs gets the node's address as its source
	MasqueradeMark     uint32 // the bit of packets that will get it
	TCPBeLiberal       bool   // packets that conntrack calls invalid are let through
}

// Pods says how the traffic of pods is told from that of others. At most one field is set; none: it can't be told, and only
// hairpins and external traffic are masqueraded.
type Pods struct {
	Range           netip.Prefix // the cluster's pods, or this node's
	Bridge          string       // the interface of this node's pods
	InterfacePrefix string       // what the names of this node's pods' interfaces begin with
}
