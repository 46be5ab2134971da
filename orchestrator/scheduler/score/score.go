package score

import (
	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// best is the highest score of a node; 0 is the lowest.
const best = 100

// Score ranks nodes by one idea.
type Score struct {
	Name   string
	Weight int64
	// Rank fills out, which is all zeros and lies beside nodes. It returns false if all nodes are the same to it.
	Rank func(c *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool
}

// All are the scores with their weights.
func All() []Score {
	return []Score{
		{"TaintToleration", 3, taints},
		{"NodeAffinity", 2, nodeAffinity},
		{"PodTopologySpread", 2, spread},
		{"InterPodAffinity", 2, podAffinity},
		{"NodeResourcesFit", 1, leastAllocated},
		{"NodeResourcesBalancedAllocation", 1, balanced},
		{"ImageLocality", 1, imageLocality},
	}
}

// Sum adds up scores by weight. The two slices lie beside nodes; sums is overwritten, scratch is room to work in.
func Sum(scores []Score, c *filter.Context, p *view.Pod, nodes []*view.Node, sums, scratch []int64) {
	clear(sums)
	for _, s := range scores {
		clear(scratch)
		if !s.Rank(c, p, nodes, scratch) {
			continue
		}
		for i, n := range scratch {
			sums[i] += n * s.Weight
		}
	}
}

// stretch makes the highest of the values 100 and keeps the proportions; reversed, the highest becomes 0.
func stretch(values []int64, reversed bool) {
	var highest int64
	for _, v := range values {
		highest = max(highest, v)
	}
	for i, v := range values {
		if highest > 0 {
			v = v * best / highest
		}
		if reversed {
			v = best - v
		}
		values[i] = v
	}
}
