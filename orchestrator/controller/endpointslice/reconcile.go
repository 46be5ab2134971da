package endpointslice

import (
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// capacity is how many endpoints a slice holds.
const capacity = 100

// plan is which slices are to be made, changed and deleted.
type plan struct{ create, update, remove []*discovery.EndpointSlice }

func (p *plan) append(o plan) {
	p.create, p.update, p.remove = append(p.create, o.create...), append(p.update, o.update...), append(p.remove, o.remove...)
}

// change is an existing slice in the making.
type change struct {
	was, is *discovery.EndpointSlice
}

func (c *change) dirty() bool {
	return len(c.was.Endpoints) != len(c.is.Endpoints) || !maps.Equal(c.was.Labels, c.is.Labels) ||
		!equality.Semantic.DeepEqual(c.was.OwnerReferences, c.is.OwnerReferences) ||
		!equality.Semantic.DeepEqual(c.was.Ports, c.is.Ports) || !equality.Semantic.DeepEqual(c.was.Endpoints, c.is.Endpoints)
}

// reconcile plans how the slices that a service has become what is wanted. All are of one address family, which shape is of too. It
// uses groups up.
func reconcile(shape *discovery.EndpointSlice, have []*discovery.EndpointSlice, groups map[string]*group) plan {
	changes := map[string][]*change{}
	have = slices.SortedFunc(slices.Values(have), func(a, b *discovery.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range have {
		key := portKey(s.Ports)
		changes[key] = append(changes[key], &change{was: s, is: s.DeepCopy()})
	}
	var p plan
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		g, ok := groups[key]
		if !ok {
			for _, c := range changes[key] {
				p.remove = append(p.remove, c.was)
			}
			continue
		}
		p.append(settle(shape, changes[key], g))
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if _, ok := changes[key]; !ok {
			p.append(settle(shape, nil, groups[key]))
		}
	}
	if len(p.create) == 0 && len(p.remove) == len(have) {
		return none(shape, p.remove)
	}
	for _, s := range p.update {
		stamp(shape, s)
	}
	return p
}

// settle plans for the endpoints of one group.
func settle(shape *discovery.EndpointSlice, changes []*change, g *group) plan {
	for _, c := range changes {
		c.is.Labels, c.is.OwnerReferences = shape.Labels, shape.OwnerReferences
		c.keep(g.endpoints)
	}
	rest := make([]discovery.Endpoint, 0, len(g.endpoints))
	for _, uid := range slices.Sorted(maps.Keys(g.endpoints)) {
		rest = append(rest, g.endpoints[uid])
	}
	for _, c := range changes {
		if c.dirty() {
			rest = c.fill(rest)
		}
	}
	var p plan
	for len(rest) >= capacity {
		p.create = append(p.create, filled(shape, g.ports, rest[:capacity]))
		rest = rest[capacity:]
	}
	if len(rest) > 0 {
		if c := fullest(changes, len(rest)); c != nil {
			c.fill(rest)
		} else {
			p.create = append(p.create, filled(shape, g.ports, rest))
		}
	}
	for _, c := range changes {
		switch {
		case len(c.is.Endpoints) == 0:
			p.remove = append(p.remove, c.was)
		case c.dirty():
			p.update = append(p.update, c.is)
		}
	}
	return p
}

// keep leaves in a slice the endpoints that are wanted, as they are now, and takes them off the list.
func (c *change) keep(wanted map[string]discovery.Endpoint) {
	kept := make([]discovery.Endpoint, 0, len(c.is.Endpoints))
	for i := range c.is.Endpoints {
		ref := c.is.Endpoints[i].TargetRef
		if ref == nil {
			continue
		}
		if ep, ok := wanted[string(ref.UID)]; ok {
			ep.Hints = c.is.Endpoints[i].Hints
			kept = append(kept, ep)
			delete(wanted, string(ref.UID))
		}
	}
	c.is.Endpoints = kept
}

// fill adds endpoints up to the capacity and returns the others.
func (c *change) fill(eps []discovery.Endpoint) (rest []discovery.Endpoint) {
	n := min(len(eps), max(0, capacity-len(c.is.Endpoints)))
	c.is.Endpoints = append(c.is.Endpoints, eps[:n]...)
	return eps[n:]
}

// fullest is the slice with the least room that has room for n; nil if there is none.
func fullest(changes []*change, n int) (best *change) {
	for _, c := range changes {
		if len(c.is.Endpoints)+n <= capacity && (best == nil || len(c.is.Endpoints) > len(best.is.Endpoints)) {
			best = c
		}
	}
	return best
}

func filled(shape *discovery.EndpointSlice, ports []discovery.EndpointPort, eps []discovery.Endpoint) *discovery.EndpointSlice {
	s := shape.DeepCopy()
	s.Ports, s.Endpoints = ports, eps
	return s
}

// none plans for a service without endpoints, all of whose slices are superfluous: one of them is kept, and emptied.
func none(shape *discovery.EndpointSlice, superfluous []*discovery.EndpointSlice) plan {
	if len(superfluous) == 0 {
		return plan{create: []*discovery.EndpointSlice{shape.DeepCopy()}}
	}
	c := change{was: superfluous[0], is: superfluous[0].DeepCopy()}
	c.is.Labels, c.is.OwnerReferences, c.is.Ports, c.is.Endpoints = shape.Labels, shape.OwnerReferences, shape.Ports, shape.Endpoints
	p := plan{remove: superfluous[1:]}
	if c.dirty() {
		stamp(shape, c.is)
		p.update = append(p.update, c.is)
	}
	return p
}

// stamp writes into a slice that changes since when the change was due.
func stamp(shape, s *discovery.EndpointSlice) {
	at, ok := shape.Annotations[v1.EndpointsLastChangeTriggerTime]
	if !ok {
		delete(s.Annotations, v1.EndpointsLastChangeTriggerTime)
		return
	}
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[v1.EndpointsLastChangeTriggerTime] = at
}
