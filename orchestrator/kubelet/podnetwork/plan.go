package podnetwork

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// plan is how the network of a node shall be, as all nodes together say.
type plan struct {
	own     []netip.Prefix              // of this node; empty until it has one
	routes  map[netip.Prefix]netip.Addr // to the pods of other nodes
	refused []error                     // what nodes ask for and don't get
}

// newPlan makes the plan of the node of a name. Nodes are taken by age, then by name: of two that claim one range, the older
// keeps it.
func newPlan(name string, nodes []*v1.Node) *plan {
	p := &plan{routes: map[netip.Prefix]netip.Addr{}}
	nodes = slices.SortedFunc(slices.Values(nodes), func(a, b *v1.Node) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	var hosts []netip.Addr
	for _, n := range nodes {
		hosts = append(hosts, internalIPs(n)...)
		if n.Name == name {
			p.own = podRanges(n)
		}
	}
	for _, n := range nodes {
		if n.Name == name {
			continue
		}
		for _, r := range podRanges(n) {
			if err := p.route(n, r, hosts); err != nil {
				p.refused = append(p.refused, fmt.Errorf("node %s: %w", n.Name, err))
			}
		}
	}
	return p
}

// route adds the route to one range of a node, unless it would lead packets astray.
func (p *plan) route(n *v1.Node, r netip.Prefix, hosts []netip.Addr) error {
	for _, h := range hosts {
		if r.Contains(h) {
			return fmt.Errorf("no route to %v: it contains %v, the address of a node", r, h)
		}
	}
	for _, o := range p.own {
		if r.Overlaps(o) {
			return fmt.Errorf("no route to %v: it overlaps this node's range %v", r, o)
		}
	}
	for o := range p.routes {
		if r.Overlaps(o) {
			return fmt.Errorf("no route to %v: it overlaps %v of another node", r, o)
		}
	}
	for _, ip := range internalIPs(n) {
		if ip.Is4() == r.Addr().Is4() {
			p.routes[r] = ip
			return nil
		}
	}
	return nil // a node that has just registered has no address yet; the update that brings it wakes us
}

// cluster is where pods are, on all nodes.
func (p *plan) cluster() (ranges []netip.Prefix) {
	ranges = slices.Clone(p.own)
	for r := range p.routes {
		ranges = append(ranges, r)
	}
	slices.SortFunc(ranges, netip.Prefix.Compare)
	return ranges
}

// podRanges are the ranges of a node that can be read, one of each family.
func podRanges(n *v1.Node) (ranges []netip.Prefix) {
	texts := n.Spec.PodCIDRs
	if len(texts) == 0 && n.Spec.PodCIDR != "" {
		texts = []string{n.Spec.PodCIDR}
	}
	for _, t := range texts {
		r, err := netip.ParsePrefix(t)
		if err != nil || r.Addr().Is4In6() {
			continue
		}
		if !slices.ContainsFunc(ranges, func(o netip.Prefix) bool { return o.Addr().Is4() == r.Addr().Is4() }) {
			ranges = append(ranges, r.Masked())
		}
	}
	return ranges
}

// internalIPs are the addresses by which other nodes reach a node.
func internalIPs(n *v1.Node) (ips []netip.Addr) {
	for _, a := range n.Status.Addresses {
		if a.Type != v1.NodeInternalIP {
			continue
		}
		if ip, err := netip.ParseAddr(a.Address); err == nil && ip.Zone() == "" {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips
}
