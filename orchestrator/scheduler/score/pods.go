package score

import (
	"math"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// spread prefers nodes in domains that have few of the pods that a soft constraint wants spread.
func spread(c *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	spreads := filter.Spreads(p, v1.ScheduleAnyway)
	if len(spreads) == 0 {
		return false
	}
	raw := make([]float64, len(nodes))
	for i := range spreads {
		s := &spreads[i]
		count := map[string]int{} // only the domains of nodes that are to be ranked
		for _, n := range nodes {
			if filter.InAllDomains(spreads, n.Object) {
				count[n.Object.Labels[s.Topology]] = 0
			}
		}
		for _, a := range c.State.Alike() {
			if !s.Counts(a.Pod) {
				continue
			}
			for n, pods := range a.On {
				if n.Object == nil || !filter.InAllDomains(spreads, n.Object) || !s.Includes(n.Object) {
					continue
				}
				if domain := n.Object.Labels[s.Topology]; has(count, domain) {
					count[domain] += pods
				}
			}
		}
		// Many domains make small differences; the logarithm lets a constraint over hosts weigh as much as one over zones.
		weight := math.Log(float64(len(count) + 2))
		for j, n := range nodes {
			raw[j] += float64(count[n.Object.Labels[s.Topology]])*weight + float64(s.MaxSkew-1)
		}
	}
	fewestFirst(spreads, nodes, raw, out)
	return true
}

// has tells that a domain is to be counted at all.
func has(count map[string]int, domain string) bool {
	_, ok := count[domain]
	return ok
}

// fewestFirst turns counts into scores. A node without the labels is no member of any domain and scores nothing.
func fewestFirst(spreads []filter.Spread, nodes []*view.Node, raw []float64, out []int64) {
	lowest, highest := int64(math.MaxInt64), int64(0)
	for i, n := range nodes {
		if !filter.InAllDomains(spreads, n.Object) {
			out[i] = -1
			continue
		}
		out[i] = int64(math.Round(raw[i]))
		lowest, highest = min(lowest, out[i]), max(highest, out[i])
	}
	for i := range out {
		switch {
		case out[i] < 0:
			out[i] = 0
		case highest == 0:
			out[i] = best
		default:
			out[i] = best * (highest + lowest - out[i]) / highest
		}
	}
}

// requiredWeight is how much it counts that a placed pod must be near to pods like this one.
const requiredWeight = 1

// podAffinity prefers nodes near to pods that this one likes or that like it, and far from the others.
func podAffinity(c *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	if len(p.Leanings) == 0 && !c.State.Affine() {
		return false
	}
	weights := map[filter.Domain]int64{}
	for _, a := range c.State.Alike() {
		var terms []*view.Term
		var each []int64
		consider := func(t *view.Term, other *view.Pod, weight int64) {
			if t.Matches(other.Pod, c.NamespaceLabels) {
				terms, each = append(terms, t), append(each, weight)
			}
		}
		for i := range a.Near {
			consider(&a.Near[i], p, requiredWeight)
		}
		for i := range a.Leanings {
			consider(&a.Leanings[i], p, a.Leanings[i].Weight)
		}
		for i := range p.Leanings {
			consider(&p.Leanings[i], a.Pod, p.Leanings[i].Weight)
		}
		if len(terms) == 0 {
			continue
		}
		for n, pods := range a.On {
			if n.Object == nil {
				continue
			}
			for i, t := range terms {
				if d, ok := filter.DomainOf(n, t.Topology); ok {
					weights[d] += each[i] * int64(pods)
				}
			}
		}
	}
	if len(weights) == 0 {
		return false
	}
	lowest, highest := int64(math.MaxInt64), int64(math.MinInt64)
	for i, n := range nodes {
		for topology, value := range n.Object.Labels {
			out[i] += weights[filter.Domain{Topology: topology, Value: value}]
		}
		lowest, highest = min(lowest, out[i]), max(highest, out[i])
	}
	for i := range out {
		if highest == lowest {
			out[i] = 0
			continue
		}
		out[i] = int64(best * float64(out[i]-lowest) / float64(highest-lowest))
	}
	return true
}
