package model

import (
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// candidate is an endpoint of a port with all that decides whether it is used.
type candidate struct {
	ready       bool
	terminating bool // and serving: used where none is ready
	local       bool
	hints       *discoveryv1.EndpointHints
}

// candidates are a port's endpoints in a family that may be used. One that is in two slices, as while it moves from one to another,
// is as ready as its better entry.
func candidates(p *Port, endpointSlices []*discoveryv1.EndpointSlice, family v1.IPFamily, node Node) map[netip.AddrPort]candidate {
	all := map[netip.AddrPort]candidate{}
	for _, s := range endpointSlices {
		if string(s.AddressType) != string(family) {
			continue
		}
		number, found := portOf(s, p)
		if !found {
			continue
		}
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			if len(e.Addresses) == 0 {
				continue
			}
			ip, err := netip.ParseAddr(e.Addresses[0])
			if err != nil || !isFamily(ip, family) || ip.Zone() != "" {
				continue
			}
			c := candidate{local: e.NodeName != nil && *e.NodeName == node.Name, hints: e.Hints}
			c.ready = e.Conditions.Ready == nil || *e.Conditions.Ready
			c.terminating = is(e.Conditions.Terminating) && (is(e.Conditions.Serving) || (e.Conditions.Serving == nil && c.ready))
			at := netip.AddrPortFrom(ip, number)
			if known, twice := all[at]; (c.ready || c.terminating) && (!twice || !known.ready) {
				all[at] = c
			}
		}
	}
	return all
}

// portOf is where a slice's endpoints listen for a port.
func portOf(s *discoveryv1.EndpointSlice, p *Port) (number uint16, found bool) {
	for _, port := range s.Ports {
		name := ""
		if port.Name != nil {
			name = *port.Name
		}
		if name == p.Name && protocol(port.Protocol) == p.Protocol && port.Port != nil && isPort(*port.Port) {
			return uint16(*port.Port), true
		}
	}
	return 0, false
}

func is(b *bool) bool { return b != nil && *b }

// choose picks the endpoints for traffic that may go to any node, and those of this node. Each time the ready ones, or, if none is,
// those that still serve while they end. Hints narrow the choice of the first kind only.
func choose(all map[netip.AddrPort]candidate, node Node) (cluster, local []netip.AddrPort) {
	near := nearness(all, node)
	cluster = pick(all, func(c candidate) bool { return c.ready && near(c) })
	if cluster == nil {
		cluster = pick(all, func(c candidate) bool { return c.terminating })
	}
	local = pick(all, func(c candidate) bool { return c.ready && c.local })
	if local == nil {
		local = pick(all, func(c candidate) bool { return c.terminating && c.local })
	}
	return cluster, local
}

// nearness tells which ready endpoints the hints leave for this node: those for the node, else those for its zone. Hints count only if
// every ready endpoint has them and one of them is for here; else traffic would gather on few, or have nowhere to go.
func nearness(all map[netip.AddrPort]candidate, node Node) func(candidate) bool {
	forNode := func(c candidate) bool {
		return c.hints != nil && slices.ContainsFunc(c.hints.ForNodes, func(n discoveryv1.ForNode) bool { return n.Name == node.Name })
	}
	forZone := func(c candidate) bool {
		return c.hints != nil && slices.ContainsFunc(c.hints.ForZones, func(z discoveryv1.ForZone) bool { return z.Name == node.Zone })
	}
	nodeHints, zoneHints, hereNode, hereZone := true, true, false, false
	for _, c := range all {
		if !c.ready {
			continue
		}
		nodeHints = nodeHints && c.hints != nil && len(c.hints.ForNodes) > 0
		zoneHints = zoneHints && c.hints != nil && len(c.hints.ForZones) > 0
		hereNode, hereZone = hereNode || forNode(c), hereZone || forZone(c)
	}
	switch {
	case nodeHints && hereNode:
		return forNode
	case zoneHints && hereZone && node.Zone != "":
		return forZone
	}
	return func(candidate) bool { return true }
}

// pick returns the endpoints that fit, sorted; nil if there are none.
func pick(all map[netip.AddrPort]candidate, fits func(candidate) bool) []netip.AddrPort {
	var picked []netip.AddrPort
	for at, c := range all {
		if fits(c) {
			picked = append(picked, at)
		}
	}
	slices.SortFunc(picked, netip.AddrPort.Compare)
	return picked
}

// LocalReady counts the ready endpoints on a node, whatever their ports: a load balancer wants to know whether it may send connections
// there. One with addresses of both families counts once. Endpoints that end don't count, so that it stops in time.
func LocalReady(endpointSlices []*discoveryv1.EndpointSlice, node Node) int {
	found := map[discoveryv1.AddressType]map[string]bool{}
	most := 0
	for _, s := range endpointSlices {
		if found[s.AddressType] == nil {
			found[s.AddressType] = map[string]bool{}
		}
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			ready := e.Conditions.Ready == nil || *e.Conditions.Ready
			if ready && len(e.Addresses) > 0 && e.NodeName != nil && *e.NodeName == node.Name {
				found[s.AddressType][e.Addresses[0]] = true
			}
		}
		most = max(most, len(found[s.AddressType]))
	}
	return most
}
