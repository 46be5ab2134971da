package daemonset

import (
	"context"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// fits tells whether a node shall have a pod, and whether one that it has may stay. A taint that only keeps new pods away lets
// it stay.
func (p *pass) fits(ctx context.Context, node *v1.Node) (run, stay bool) {
	spec := &p.template.Spec
	if spec.NodeName != "" && spec.NodeName != node.Name {
		return false, false
	}
	if match, err := nodeaffinity.NewRequiredNodeAffinity(spec.NodeSelector, spec.Affinity).Match(node); err != nil || !match {
		return false, false
	}
	untolerated := func(effects ...v1.TaintEffect) bool {
		matters := func(t *v1.Taint) bool { return slices.Contains(effects, t.Effect) }
		_, found := corev1.FindMatchingUntoleratedTaint(klog.FromContext(ctx), node.Spec.Taints, spec.Tolerations, matters, true)
		return found
	}
	return !untolerated(v1.TaintEffectNoExecute, v1.TaintEffectNoSchedule), !untolerated(v1.TaintEffectNoExecute)
}
