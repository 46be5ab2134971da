package filter

import (
	v1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// What a node says by itself, whoever is on it: cordons, names, taints, labels.

var (
	isUnschedulable = &Refusal{Reasons: []string{"node(s) were unschedulable"}, Final: true}
	isOtherName     = &Refusal{Reasons: []string{"node(s) didn't match the requested node name"}, Final: true}
	isTainted       = &Refusal{Reasons: []string{"node(s) had untolerated taint(s)"}, Final: true}
	isOtherNode     = &Refusal{Reasons: []string{"node(s) didn't match Pod's node affinity/selector"}, Final: true}
)

// unschedulable refuses cordoned nodes, but to pods that tolerate the taint that stands for it.
func unschedulable(_ *Context, p *view.Pod) (Check, *Refusal) {
	cordon := &v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}
	if Tolerates(p, cordon) {
		return nil, nil
	}
	return CheckFunc(func(n *view.Node) *Refusal {
		if n.Object.Spec.Unschedulable {
			return isUnschedulable
		}
		return nil
	}), nil
}

// nodeName refuses all nodes but the one that the pod names. Such a pod has its node already, unless it is asked about in advance.
func nodeName(_ *Context, p *view.Pod) (Check, *Refusal) {
	if p.Spec.NodeName == "" {
		return nil, nil
	}
	return CheckFunc(func(n *view.Node) *Refusal {
		if n.Name != p.Spec.NodeName {
			return isOtherName
		}
		return nil
	}), nil
}

// taints refuses nodes with a taint that keeps pods off and that the pod doesn't tolerate.
func taints(_ *Context, p *view.Pod) (Check, *Refusal) {
	return CheckFunc(func(n *view.Node) *Refusal {
		if untoleratedTaint(p, n.Object) {
			return isTainted
		}
		return nil
	}), nil
}

// untoleratedTaint tells that a taint keeps the pod off. A mere preference does not.
func untoleratedTaint(p *view.Pod, node *v1.Node) bool {
	for i := range node.Spec.Taints {
		t := &node.Spec.Taints[i]
		if (t.Effect == v1.TaintEffectNoSchedule || t.Effect == v1.TaintEffectNoExecute) && !Tolerates(p, t) {
			return true
		}
	}
	return false
}

// Tolerates tells that a pod accepts a taint. Numeric comparisons of tolerations are an alpha feature that is off.
func Tolerates(p *view.Pod, t *v1.Taint) bool {
	return corev1helpers.TolerationsTolerateTaint(klog.Logger{}, p.Spec.Tolerations, t, false)
}

// nodeAffinity refuses nodes without the labels that the pod asks for.
func nodeAffinity(_ *Context, p *view.Pod) (Check, *Refusal) {
	wanted := requiredAffinity(p)
	if wanted == nil {
		return nil, nil
	}
	return CheckFunc(func(n *view.Node) *Refusal {
		if ok, err := wanted.Match(n.Object); err != nil || !ok { // what can't be read matches nothing
			return isOtherNode
		}
		return nil
	}), nil
}

// requiredAffinity is what a pod asks of its node; nil if nothing.
func requiredAffinity(p *view.Pod) *nodeaffinity.RequiredNodeAffinity {
	a := p.Spec.Affinity
	if len(p.Spec.NodeSelector) == 0 &&
		(a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil) {
		return nil
	}
	wanted := nodeaffinity.GetRequiredNodeAffinity(p.Pod)
	return &wanted
}
