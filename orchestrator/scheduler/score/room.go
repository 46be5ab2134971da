package score

import (
	"math"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// leastAllocated prefers nodes that would have most left, of CPU and memory equally.
func leastAllocated(_ *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	for i, n := range nodes {
		var sum, of int64
		add := func(wanted, all int64) {
			if all <= 0 {
				return
			}
			of++
			if wanted < all {
				sum += int64(float64(all-wanted) / float64(all) * best)
			}
		}
		add(n.Likely.CPU+p.Likely.CPU, n.Allocatable.CPU)
		add(n.Likely.Memory+p.Likely.Memory, n.Allocatable.Memory)
		if of > 0 {
			out[i] = sum / of
		}
	}
	return true
}

// balanced prefers nodes whose CPU and memory would be used to the same degree: what is left of one is of no use without the other.
func balanced(_ *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	if p.Requests.CPU == 0 && p.Requests.Memory == 0 {
		return false
	}
	for i, n := range nodes {
		cpu, ok1 := share(n.Requested.CPU+p.Requests.CPU, n.Allocatable.CPU)
		memory, ok2 := share(n.Requested.Memory+p.Requests.Memory, n.Allocatable.Memory)
		deviation := 0.0 // with one resource only there is nothing to balance
		if ok1 && ok2 {
			deviation = math.Abs(cpu-memory) / 2
		}
		out[i] = int64((1 - deviation) * best)
	}
	return true
}

// share is how much of a resource would be used; false if there is none.
func share(wanted, all int64) (float64, bool) {
	if all <= 0 {
		return 0, false
	}
	return min(float64(wanted)/float64(all), 1), true
}
