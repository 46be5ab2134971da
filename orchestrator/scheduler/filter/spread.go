package filter

import (
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

var (
	isSkewed   = &Refusal{Reasons: []string{"node(s) didn't match pod topology spread constraints"}}
	isNoDomain = &Refusal{Final: true, Reasons: []string{
		"node(s) didn't match pod topology spread constraints (missing required label)",
	}}
)

// Spread is a topology spread constraint of a pod, compiled.
type Spread struct {
	// Topology is the node label whose values are the domains.
	Topology string
	MaxSkew  int

	pod        *view.Pod
	selector   labels.Selector
	minDomains int
	affinity   *nodeaffinity.RequiredNodeAffinity // nil if it is not honored, or nothing is asked for
	taints     bool                               // whether taints are honored
}

// Spreads compiles the constraints of a pod that are hard, or those that are not.
func Spreads(p *view.Pod, when v1.UnsatisfiableConstraintAction) (out []Spread) {
	for i := range p.Spec.TopologySpreadConstraints {
		c := &p.Spec.TopologySpreadConstraints[i]
		if c.WhenUnsatisfiable != when {
			continue
		}
		s := Spread{
			Topology: c.TopologyKey, MaxSkew: int(c.MaxSkew), pod: p, minDomains: 1,
			selector: view.WithLabelKeys(view.Selector(c.LabelSelector), p.Labels, c.MatchLabelKeys, nil),
			taints:   c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == v1.NodeInclusionPolicyHonor,
		}
		if c.MinDomains != nil {
			s.minDomains = int(*c.MinDomains)
		}
		if c.NodeAffinityPolicy == nil || *c.NodeAffinityPolicy == v1.NodeInclusionPolicyHonor {
			s.affinity = requiredAffinity(p)
		}
		out = append(out, s)
	}
	return out
}

// Includes tells that a node belongs to a domain: its pods count.
func (s *Spread) Includes(n *v1.Node) bool {
	if s.affinity != nil {
		if ok, err := s.affinity.Match(n); err != nil || !ok {
			return false
		}
	}
	return !s.taints || !untoleratedTaint(s.pod, n)
}

// Counts tells that another pod is one of those to be spread. One that is on its way out isn't.
func (s *Spread) Counts(p *view.Pod) bool {
	return p.Namespace == s.pod.Namespace && p.DeletionTimestamp == nil && s.selector.Matches(labels.Set(p.Labels))
}

// InAllDomains tells that a node has the label of every constraint: only then it is part of the arithmetic.
func InAllDomains(spreads []Spread, n *v1.Node) bool {
	for i := range spreads {
		if _, ok := n.Labels[spreads[i].Topology]; !ok {
			return false
		}
	}
	return true
}

// spreadCheck refuses nodes where the pod would make its domain too full compared with the emptiest.
type spreadCheck struct {
	spreads []Spread
	domains []domains // beside spreads
}

// domains are how many pods each domain of a constraint has. least is the smallest count; stale tells that it is to be found again.
type domains struct {
	count map[string]int
	least int
	stale bool
}

// spread counts the domains of the hard constraints; without any it has no question.
func spread(c *Context, p *view.Pod) (Check, *Refusal) {
	s := &spreadCheck{spreads: Spreads(p, v1.DoNotSchedule)}
	if len(s.spreads) == 0 {
		return nil, nil
	}
	s.domains = make([]domains, len(s.spreads))
	for i := range s.domains {
		s.domains[i].count = map[string]int{}
	}
	for _, n := range c.State.Nodes() {
		s.count(n, 0, nil) // an empty domain is a domain
	}
	for _, a := range c.State.Alike() {
		counted := s.counted(a.Pod)
		if counted == nil {
			continue
		}
		for n, pods := range a.On {
			if n.Object != nil {
				s.count(n, pods, counted)
			}
		}
	}
	return s, nil
}

// Move implements Mover.
func (s *spreadCheck) Move(p *view.Pod, n *view.Node, by int) {
	if counted := s.counted(p); counted != nil {
		s.count(n, by, counted)
	}
}

// counted tells for each constraint whether a pod counts; nil if for none.
func (s *spreadCheck) counted(p *view.Pod) []bool {
	var counted []bool
	for i := range s.spreads {
		if s.spreads[i].Counts(p) {
			if counted == nil {
				counted = make([]bool, len(s.spreads))
			}
			counted[i] = true
		}
	}
	return counted
}

// count adds pods to the domains of a node, for the constraints where they count; none do if counted is nil.
func (s *spreadCheck) count(n *view.Node, pods int, counted []bool) {
	if !InAllDomains(s.spreads, n.Object) {
		return
	}
	for i := range s.spreads {
		spread, d := &s.spreads[i], &s.domains[i]
		if !spread.Includes(n.Object) {
			continue
		}
		domain := n.Object.Labels[spread.Topology]
		if counted != nil && counted[i] {
			d.count[domain] += pods
		} else if _, known := d.count[domain]; !known {
			d.count[domain] = 0
		}
		d.stale = true
	}
}

// Refuses implements Check.
func (s *spreadCheck) Refuses(n *view.Node) *Refusal {
	for i := range s.spreads {
		spread, d := &s.spreads[i], &s.domains[i]
		domain, ok := n.Object.Labels[spread.Topology]
		if !ok {
			return isNoDomain
		}
		self := 0
		if spread.selector.Matches(labels.Set(spread.pod.Labels)) {
			self = 1
		}
		if d.count[domain]+self-d.min(spread.minDomains) > spread.MaxSkew {
			return isSkewed
		}
	}
	return nil
}

// min is the count of the emptiest domain; 0 as long as there are fewer domains than asked for.
func (d *domains) min(minDomains int) int {
	if len(d.count) < minDomains {
		return 0
	}
	if d.stale {
		d.least, d.stale = math.MaxInt, false
		for _, n := range d.count {
			d.least = min(d.least, n)
		}
	}
	return d.least
}
