package scheduler

import (
	"math/rand/v2"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/preempt"
	"github.com/petcd/petcd/orchestrator/scheduler/score"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// Nodes are looked at until so many would do: all of a small cluster, half of a larger one, less the larger it is, down to a
// twentieth. The best of 400 nodes is hardly worse than the best of 1,000.
const (
	fewNodes     = 100
	halfAt       = 50
	nodesPercent = 125 // so many nodes more, one percent less
	leastPercent = 5
)

// enoughOf is how many nodes that would do are compared in a cluster of so many.
func enoughOf(nodes int) int {
	if nodes <= fewNodes {
		return nodes
	}
	percent := max(halfAt-nodes/nodesPercent, leastPercent)
	return max(nodes*percent/100, fewNodes)
}

// chooser finds the best node for a pod. It is used by one goroutine.
type chooser struct {
	context filter.Context
	filters []filter.Filter
	scores  []score.Score
	rand    *rand.Rand
	next    int // where among the nodes to go on

	// Room that is used again.
	fitting       []*view.Node
	sums, scratch []int64
}

// newChooser returns one with all filters and scores.
func newChooser(r *rand.Rand) chooser {
	return chooser{filters: filter.All(), scores: score.All(), rand: r}
}

// refused is a node and why it won't do.
type refused struct {
	node *view.Node
	why  *filter.Refusal
}

// outcome is what came of looking for a node.
type outcome struct {
	// node is the best; nil if none will do.
	node *view.Node

	// Why none will do: whole, if it is the same for all nodes, or else what each node says.
	nodes   int
	whole   *filter.Refusal
	refused []refused
	// helps are the changes that could make a difference.
	helps change.Set
	// preemption says what came of it, in words; plan is what it would do.
	preemption string
	plan       *preempt.Plan
}

// choose looks for the best node.
func (c *chooser) choose(s *view.State, p *view.Pod) outcome {
	c.context.State = s
	nodes := s.Nodes()
	o := outcome{nodes: len(nodes), helps: change.NodeAdded}
	if len(nodes) == 0 {
		return o
	}
	checks, by, refusal := filter.Ask(&c.context, c.filters, p)
	if refusal != nil {
		o.whole, o.helps = refusal, by.Helps
		return o
	}
	if n := s.Node(s.NominatedTo(p.Key())); n != nil {
		if _, refusal := checks.Refuses(n); refusal == nil {
			o.node = n // room was made for it there
			return o
		}
	}
	c.fitting = c.fitting[:0]
	enough := enoughOf(len(nodes))
	looked := 0
	for ; looked < len(nodes) && len(c.fitting) < enough; looked++ {
		n := nodes[(c.next+looked)%len(nodes)]
		by, refusal := checks.Refuses(n)
		if refusal == nil {
			c.fitting = append(c.fitting, n)
			continue
		}
		o.refused = append(o.refused, refused{n, refusal})
		o.helps |= by.Helps
	}
	c.next = (c.next + looked) % len(nodes)
	o.node = c.best(p)
	return o
}

// best ranks the nodes that will do. Equals are drawn by lot, so that not the first of them gets everything.
func (c *chooser) best(p *view.Pod) *view.Node {
	switch len(c.fitting) {
	case 0:
		return nil
	case 1:
		return c.fitting[0]
	}
	if cap(c.sums) < len(c.fitting) {
		c.sums, c.scratch = make([]int64, len(c.fitting)), make([]int64, len(c.fitting))
	}
	c.sums, c.scratch = c.sums[:len(c.fitting)], c.scratch[:len(c.fitting)]
	score.Sum(c.scores, &c.context, p, c.fitting, c.sums, c.scratch)
	best, equals := 0, 1
	for i := 1; i < len(c.sums); i++ {
		switch {
		case c.sums[i] > c.sums[best]:
			best, equals = i, 1
		case c.sums[i] == c.sums[best]:
			if equals++; c.rand.IntN(equals) == 0 {
				best = i
			}
		}
	}
	return c.fitting[best]
}
