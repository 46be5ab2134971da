package filter

import (
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// volumes refuses nodes that the pod's volumes can't be reached from, or where no volume can be had for a claim.
func volumes(c *Context, p *view.Pod) (Check, *Refusal) {
	if c.Volumes == nil {
		return nil, nil
	}
	claims, err := c.Volumes.Look(p.Pod)
	if err != nil {
		return nil, &Refusal{Reasons: []string{err.Error()}, Final: true}
	}
	if claims.None() {
		return nil, nil
	}
	return CheckFunc(func(n *view.Node) *Refusal {
		if reason := claims.Refuses(n.Object); reason != "" {
			return &Refusal{Reasons: []string{reason}, Final: true}
		}
		return nil
	}), nil
}
