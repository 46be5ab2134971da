package preempt

import (
	"cmp"
	"math"
	"slices"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// split parts pods whose loss a disruption budget doesn't allow from those whose loss is allowed. Losses add up: a budget
// that allows one protects the second.
func split(pods []*view.Pod, budgets []*policyv1.PodDisruptionBudget) (protected, others []*view.Pod) {
	left := make([]int32, len(budgets))
	selectors := make([]labels.Selector, len(budgets))
	for i, b := range budgets {
		left[i] = b.Status.DisruptionsAllowed
		selectors[i] = labels.Nothing()
		if s, err := metav1.LabelSelectorAsSelector(b.Spec.Selector); err == nil && !s.Empty() {
			selectors[i] = s
		}
	}
	for _, p := range pods {
		violates := false
		for i, b := range budgets {
			if b.Namespace != p.Namespace || len(p.Labels) == 0 || !selectors[i].Matches(labels.Set(p.Labels)) {
				continue
			}
			if _, counted := b.Status.DisruptedPods[p.Name]; counted {
				continue
			}
			left[i]--
			violates = violates || left[i] < 0
		}
		if violates {
			protected = append(protected, p)
		} else {
			others = append(others, p)
		}
	}
	return protected, others
}

// harm is what a plan costs. Less is better, the first that differs decides.
type harm struct {
	violations int
	highest    int64 // priority of the most important victim
	sum        int64 // of priorities, each made positive
	victims    int
	earliest   time.Time // start of the longest running victim of the highest priority: later is better
}

// harmOf adds a plan up.
func (q *Question) harmOf(p *Plan) harm {
	h := harm{violations: p.violations, victims: len(p.Victims), highest: math.MinInt64}
	for _, v := range p.Victims {
		priority, start := int64(v.Priority), v.StartTime(q.Now)
		h.sum += priority + math.MaxInt32 + 1
		if priority > h.highest || (priority == h.highest && start.Before(h.earliest)) {
			h.earliest = start
		}
		h.highest = max(h.highest, priority)
	}
	return h
}

// compare is negative if h is less.
func (h harm) compare(o harm) int {
	return cmp.Or(
		cmp.Compare(h.violations, o.violations),
		cmp.Compare(h.highest, o.highest),
		cmp.Compare(h.sum, o.sum),
		cmp.Compare(h.victims, o.victims),
		o.earliest.Compare(h.earliest),
	)
}

// leastHarm returns the first of the plans that harm least.
func (q *Question) leastHarm(plans []*Plan) *Plan {
	if len(plans) == 0 {
		return nil
	}
	return slices.MinFunc(plans, func(a, b *Plan) int { return q.harmOf(a).compare(q.harmOf(b)) })
}

// cmpName makes an order of equals that is the same each time.
func cmpName(a, b *view.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
