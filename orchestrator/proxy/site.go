package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// The ways to tell pods' traffic from others', by upstream's names.
const (
	LocalModeClusterCIDR         = "ClusterCIDR"
	LocalModeNodeCIDR            = "NodeCIDR"
	LocalModeBridgeInterface     = "BridgeInterface"
	LocalModeInterfaceNamePrefix = "InterfaceNamePrefix"
)

// The words that stand for addresses which answer node ports.
const (
	NodePortsPrimary   = "primary"   // those of the Node object
	NodePortsLocalhost = "localhost" // loopback
	NodePortsAll       = "all"
)

// SiteOptions say how rules are made that all Services share.
type SiteOptions struct {
	LocalMode       string
	ClusterCIDRs    []netip.Prefix
	Bridge          string
	InterfacePrefix string

	NodeIPs           []netip.Addr // in the place of the Node object's; nil: that says
	NodePortAddresses []string     // prefixes and words

	LocalhostNodePorts bool
	MasqueradeAll      bool
	MasqueradeBit      int
	TCPBeLiberal       bool
}

// errNodeUnknown is the answer while the Node object doesn't say yet what is needed of it. The next change of it leads to another sync.
var errNodeUnknown = errors.New("the Node object isn't there, or doesn't say enough yet")

// site makes what a family's rules have in common.
func (o *SiteOptions) site(family v1.IPFamily, node *v1.Node) (model.Site, error) {
	site := model.Site{
		LocalhostNodePorts: o.LocalhostNodePorts, MasqueradeAll: o.MasqueradeAll, MasqueradeMark: 1 << o.MasqueradeBit, TCPBeLiberal: o.TCPBeLiberal,
	}
	switch o.LocalMode {
	case LocalModeNodeCIDR:
		cidrs, err := podCIDRs(node)
		if err != nil {
			return site, err
		}
		site.Pods.Range = firstOf(family, cidrs)
	case LocalModeBridgeInterface:
		site.Pods.Bridge = o.Bridge
	case LocalModeInterfaceNamePrefix:
		site.Pods.InterfacePrefix = o.InterfacePrefix
	default:
		site.Pods.Range = firstOf(family, o.ClusterCIDRs)
	}
	var err error
	site.NodePort, err = o.nodePortPrefixes(family, node)
	return site, err
}

// podCIDRs are the ranges of the node's pods.
func podCIDRs(node *v1.Node) ([]netip.Prefix, error) {
	if node == nil || len(node.Spec.PodCIDRs) == 0 {
		return nil, fmt.Errorf("%w: no podCIDRs", errNodeUnknown)
	}
	var all []netip.Prefix
	for _, text := range node.Spec.PodCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("the Node's podCIDRs: %w", err)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// firstOf is the first prefix of the family, or none.
func firstOf(family v1.IPFamily, all []netip.Prefix) netip.Prefix {
	for _, p := range all {
		if familyOf(p.Addr()) == family {
			return p
		}
	}
	return netip.Prefix{}
}

func familyOf(ip netip.Addr) v1.IPFamily {
	if ip.Is4() {
		return v1.IPv4Protocol
	}
	return v1.IPv6Protocol
}

// nodePortPrefixes are the addresses that answer node ports; nil for all but loopback.
func (o *SiteOptions) nodePortPrefixes(family v1.IPFamily, node *v1.Node) ([]netip.Prefix, error) {
	if len(o.NodePortAddresses) == 0 {
		return nil, nil
	}
	all := []netip.Prefix{}
	for _, word := range o.NodePortAddresses {
		switch word {
		case NodePortsAll:
			return nil, nil
		case NodePortsLocalhost:
			all = append(all, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
		case NodePortsPrimary:
			ips := o.NodeIPs
			if ips == nil {
				ips = nodeIPs(node)
			}
			if len(ips) == 0 {
				return nil, fmt.Errorf("%w: no addresses", errNodeUnknown)
			}
			for _, ip := range ips {
				all = append(all, netip.PrefixFrom(ip, ip.BitLen()))
			}
		default:
			prefix, err := netip.ParsePrefix(word)
			if err != nil {
				return nil, fmt.Errorf("node port addresses: %w", err)
			}
			if prefix.Bits() == 0 {
				if familyOf(prefix.Addr()) == family {
					return nil, nil
				}
				continue
			}
			all = append(all, prefix.Masked())
		}
	}
	return slices.DeleteFunc(all, func(p netip.Prefix) bool { return familyOf(p.Addr()) != family }), nil
}

// nodeIPs are the first address of each family that the Node object has, internal ones before external ones.
func nodeIPs(node *v1.Node) []netip.Addr {
	if node == nil {
		return nil
	}
	found := map[v1.IPFamily]netip.Addr{}
	for _, kind := range []v1.NodeAddressType{v1.NodeInternalIP, v1.NodeExternalIP} {
		for _, a := range node.Status.Addresses {
			ip, err := netip.ParseAddr(a.Address)
			if err != nil || a.Type != kind || found[familyOf(ip)].IsValid() {
				continue
			}
			found[familyOf(ip)] = ip
		}
	}
	var all []netip.Addr
	for _, family := range []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol} {
		if found[family].IsValid() {
			all = append(all, found[family])
		}
	}
	return all
}
