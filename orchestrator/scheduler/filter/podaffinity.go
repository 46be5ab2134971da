package filter

import (
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

var (
	isNotNear     = &Refusal{Reasons: []string{"node(s) didn't match pod affinity rules"}, Final: true}
	isNotFar      = &Refusal{Reasons: []string{"node(s) didn't match pod anti-affinity rules"}}
	isOthersAvoid = &Refusal{Reasons: []string{"node(s) didn't satisfy existing pods anti-affinity rules"}}
)

// Domain is a value of a node label: the nodes that have it are near to each other.
type Domain struct{ Topology, Value string }

// DomainOf returns the domain of a node; false if it has no such label.
func DomainOf(n *view.Node, topology string) (Domain, bool) {
	value, ok := n.Object.Labels[topology]
	return Domain{topology, value}, ok
}

// podAffinityCheck refuses nodes that are not near to those the pod wants near, or not far from those that it, or they, want far.
type podAffinityCheck struct {
	c   *Context
	pod *view.Pod
	// How many pods of each kind a domain has. A domain that has none is not in the map.
	near   map[Domain]int // pods that match all of the pod's Near
	far    map[Domain]int // pods that match one of its Far
	averse map[Domain]int // pods that refuse this one
}

// podAffinity has no question for a pod that says nothing, as long as no other pod refuses any.
func podAffinity(c *Context, p *view.Pod) (Check, *Refusal) {
	if len(p.Near)+len(p.Far) == 0 && !c.State.Averse() {
		return nil, nil
	}
	a := &podAffinityCheck{c: c, pod: p, near: map[Domain]int{}, far: map[Domain]int{}, averse: map[Domain]int{}}
	for _, like := range c.State.Alike() {
		r := a.relationTo(like.Pod)
		if r.none() {
			continue
		}
		for n, pods := range like.On {
			if n.Object != nil {
				a.count(&r, n, pods)
			}
		}
	}
	return a, nil
}

// relation is how another pod bears on the pod in question: it is one of those wanted near, or it is spoken of by terms.
type relation struct {
	near        bool
	far, averse []*view.Term
}

// none tells that the other pod is not to be counted.
func (r *relation) none() bool { return !r.near && len(r.far)+len(r.averse) == 0 }

// relationTo works out what need not be asked again for each pod that is like o.
func (a *podAffinityCheck) relationTo(o *view.Pod) relation {
	return relation{
		near: len(a.pod.Near) > 0 && a.matchesAll(o),
		far:  a.thoseOf(a.pod.Far, o), averse: a.thoseOf(o.Far, a.pod),
	}
}

// thoseOf returns the terms that speak of a pod.
func (a *podAffinityCheck) thoseOf(terms []view.Term, p *view.Pod) (matching []*view.Term) {
	for i := range terms {
		if terms[i].Matches(p.Pod, a.c.NamespaceLabels) {
			matching = append(matching, &terms[i])
		}
	}
	return matching
}

// Move implements Mover.
func (a *podAffinityCheck) Move(o *view.Pod, n *view.Node, by int) {
	r := a.relationTo(o)
	a.count(&r, n, by)
}

// count adds so many pods of a relation on a node.
func (a *podAffinityCheck) count(r *relation, n *view.Node, pods int) {
	add := func(in map[Domain]int, t *view.Term) {
		if d, ok := DomainOf(n, t.Topology); ok {
			if in[d] += pods; in[d] == 0 {
				delete(in, d)
			}
		}
	}
	if r.near {
		for i := range a.pod.Near {
			add(a.near, &a.pod.Near[i])
		}
	}
	for _, t := range r.far {
		add(a.far, t)
	}
	for _, t := range r.averse {
		add(a.averse, t)
	}
}

// matchesAll tells that a pod is what every one of the terms wants near.
func (a *podAffinityCheck) matchesAll(o *view.Pod) bool {
	for i := range a.pod.Near {
		if !a.pod.Near[i].Matches(o.Pod, a.c.NamespaceLabels) {
			return false
		}
	}
	return true
}

// Refuses implements Check.
func (a *podAffinityCheck) Refuses(n *view.Node) *Refusal {
	if !a.nearEnough(n) {
		return isNotNear
	}
	for i := range a.pod.Far {
		if d, ok := DomainOf(n, a.pod.Far[i].Topology); ok && a.far[d] > 0 {
			return isNotFar
		}
	}
	if len(a.averse) > 0 {
		for topology, value := range n.Object.Labels {
			if a.averse[Domain{topology, value}] > 0 {
				return isOthersAvoid
			}
		}
	}
	return nil
}

// nearEnough holds as well for the first of pods that want to be near their like: somebody must begin.
func (a *podAffinityCheck) nearEnough(n *view.Node) bool {
	all := true
	for i := range a.pod.Near {
		d, ok := DomainOf(n, a.pod.Near[i].Topology)
		if !ok {
			return false
		}
		all = all && a.near[d] > 0
	}
	return all || (len(a.near) == 0 && a.matchesAll(a.pod))
}
