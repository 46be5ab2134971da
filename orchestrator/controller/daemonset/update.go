package daemonset

import (
	"context"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// limits are how many of so many nodes a rolling update may have with a second pod, and how many without an available one.
func (p *pass) limits(nodes int) (surge, unavailable int) {
	rolling := p.ds.Spec.UpdateStrategy.RollingUpdate
	if p.ds.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType {
		return 0, 0
	}
	if rolling == nil {
		return 0, 1
	}
	surge = share(rolling.MaxSurge, intstr.FromInt32(0), nodes)
	unavailable = share(rolling.MaxUnavailable, intstr.FromInt32(1), nodes)
	if surge == 0 && unavailable == 0 {
		unavailable = 1 // or nothing could move
	}
	return surge, unavailable
}

// share is a number, or a percentage of the total, rounded up; what cannot be read is 0.
func share(v *intstr.IntOrString, otherwise intstr.IntOrString, total int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(v, otherwise), total, true)
	if err != nil {
		return 0
	}
	return max(0, n)
}

// onNode is what of a node's pods counts in an update.
type onNode struct {
	node       *v1.Node
	fresh, old *v1.Pod // of the template in force, and of another; nil if there is none
}

// outdated returns the nodes that may have a pod of the new template now, beside that of the old, and the old pods that may go
// now.
func (p *pass) outdated(ctx context.Context) (want []*v1.Node, unwanted []*v1.Pod) {
	var nodes []onNode
	for _, node := range p.all {
		if run, _ := p.fits(ctx, node); !run {
			continue
		}
		on := onNode{node: node}
		for _, pod := range staying(p.byNode[node.Name]) {
			if p.updated(pod) {
				on.fresh = pod
			} else {
				on.old = pod
			}
		}
		nodes = append(nodes, on)
	}
	surge, unavailable := p.limits(len(nodes))
	if surge == 0 {
		return nil, p.replace(nodes, unavailable)
	}
	return p.surge(nodes, surge), nil
}

// replace returns the old pods to delete: those that serve nobody at once, and others while few enough nodes are without a pod
// that does.
func (p *pass) replace(nodes []onNode, unavailable int) (unwanted []*v1.Pod) {
	var serving []*v1.Pod
	for _, on := range nodes {
		switch {
		case on.fresh != nil && p.available(on.fresh):
		case on.fresh != nil || on.old == nil:
			unavailable--
		case p.available(on.old):
			serving = append(serving, on.old)
		default:
			unavailable--
			unwanted = append(unwanted, on.old)
		}
	}
	return append(unwanted, serving[:max(0, min(len(serving), unavailable))]...)
}

// surge returns the nodes to have a second pod: those whose old one serves nobody at once, and others while few enough have
// two. The old one is superfluous when the new one serves.
func (p *pass) surge(nodes []onNode, surge int) (want []*v1.Node) {
	var serving []*v1.Node
	for _, on := range nodes {
		switch {
		case on.old == nil:
		case on.fresh != nil:
			surge--
		case p.available(on.old):
			serving = append(serving, on.node)
		default:
			want = append(want, on.node)
		}
	}
	return append(want, serving[:max(0, min(len(serving), surge))]...)
}
