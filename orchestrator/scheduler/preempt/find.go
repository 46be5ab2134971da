package preempt

import (
	"cmp"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// enough is how many nodes with victims are compared at least, should there be so many; beyond, a tenth of all nodes will do.
const enough = 100

// Reasons of nodes where preemption finds nothing, and of pods that mayn't.
const (
	NotHelpful = "Preemption is not helpful for scheduling"
	NoVictims  = "No preemption victims found for incoming pod"
	Never      = "not eligible due to preemptionPolicy=Never."
	Waits      = "not eligible due to a terminating pod on the nominated node."
)

// Plan is what preemption would do.
type Plan struct {
	Node    *view.Node
	Victims []*view.Pod // the most important first

	violations int // of disruption budgets
}

// Question is all that a plan depends on.
type Question struct {
	Context *filter.Context
	Filters []filter.Filter
	Pod     *view.Pod
	// Candidates are the nodes whose refusal was not final.
	Candidates []*view.Node
	Budgets    []*policyv1.PodDisruptionBudget
	// Start is where among the candidates to begin, so that not always the same nodes suffer.
	Start int
	Now   time.Time
}

// NotEligible says why a pod mayn't preempt; "" if it may. One whose victims are still on their way out waits for them, unless its
// node is none of the candidates any more: it would be refused there without them too.
func NotEligible(s *view.State, p *view.Pod, candidates []*view.Node) string {
	if p.Spec.PreemptionPolicy != nil && *p.Spec.PreemptionPolicy == v1.PreemptNever {
		return Never
	}
	n := s.Node(s.NominatedTo(p.Key()))
	if n == nil || !slices.Contains(candidates, n) {
		return ""
	}
	for _, o := range n.Pods {
		if o.Priority < p.Priority && (s.Doomed(o.Key()) || o.DeletionTimestamp != nil && isVictim(o.Pod)) {
			return Waits
		}
	}
	return ""
}

// isVictim tells that a pod goes because of preemption. Who goes for another reason is not waited for.
func isVictim(p *v1.Pod) bool {
	for i := range p.Status.Conditions {
		c := &p.Status.Conditions[i]
		if c.Type == v1.DisruptionTarget {
			return c.Status == v1.ConditionTrue && c.Reason == v1.PodReasonPreemptionByScheduler
		}
	}
	return false
}

// Find returns the plan of least harm; nil if there is none.
func Find(q Question) *Plan {
	checks, _, refusal := filter.Ask(q.Context, q.Filters, q.Pod)
	if refusal != nil || len(q.Candidates) == 0 {
		return nil
	}
	wanted := max(enough, len(q.Context.State.Nodes())/10)
	var found []*Plan
	harmless := false
	for i := range q.Candidates {
		plan := q.on(checks, q.Candidates[(q.Start+i)%len(q.Candidates)])
		if plan == nil {
			continue
		}
		found = append(found, plan)
		harmless = harmless || plan.violations == 0
		if harmless && len(found) >= wanted {
			break
		}
	}
	return q.leastHarm(found)
}

// on returns what would have to go from one node; nil if nothing helps.
func (q *Question) on(checks *filter.Checks, n *view.Node) *Plan {
	var lower []*view.Pod
	for _, p := range n.Pods {
		if p.Priority < q.Pod.Priority {
			lower = append(lower, p)
		}
	}
	if len(lower) == 0 {
		return nil
	}
	clone := n.Clone()
	for _, p := range lower {
		checks.Take(p, clone)
	}
	gone := lower
	defer func() { // the checks count pods of the whole cluster: leave them as they were
		for _, p := range gone {
			checks.Put(p, clone)
		}
	}()
	if _, refusal := checks.Refuses(clone); refusal != nil {
		return nil
	}
	slices.SortStableFunc(lower, q.byImportance)
	protected, others := split(lower, q.Budgets)
	plan := &Plan{Node: n}
	gone = nil
	spare := func(pods []*view.Pod) (victims int) {
		for _, p := range pods {
			checks.Put(p, clone)
			if _, refusal := checks.Refuses(clone); refusal != nil {
				checks.Take(p, clone)
				gone = append(gone, p)
				victims++
			}
		}
		return victims
	}
	plan.violations = spare(protected)
	spare(others)
	if len(gone) == 0 {
		return nil
	}
	plan.Victims = slices.Clone(gone)
	slices.SortStableFunc(plan.Victims, q.byImportance)
	return plan
}

// byImportance puts first who has the higher priority, or has run longer.
func (q *Question) byImportance(a, b *view.Pod) int {
	if a.Priority != b.Priority {
		return cmp.Compare(b.Priority, a.Priority)
	}
	if c := a.StartTime(q.Now).Compare(b.StartTime(q.Now)); c != 0 {
		return c
	}
	return cmpName(a, b)
}
