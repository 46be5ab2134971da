package score

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// taints prefers nodes with few taints of effect PreferNoSchedule that the pod doesn't tolerate.
func taints(_ *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	any := false
	for i, n := range nodes {
		for j := range n.Object.Spec.Taints {
			if t := &n.Object.Spec.Taints[j]; t.Effect == v1.TaintEffectPreferNoSchedule && !filter.Tolerates(p, t) {
				out[i]++
				any = true
			}
		}
	}
	if any {
		stretch(out, true)
	}
	return any
}

// nodeAffinity prefers nodes by the labels that the pod would like them to have.
func nodeAffinity(_ *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	a := p.Spec.Affinity
	if a == nil || a.NodeAffinity == nil || len(a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		return false
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return false // a preference that can't be read prefers nothing
	}
	for i, n := range nodes {
		out[i] = terms.Score(n.Object)
	}
	stretch(out, false)
	return true
}

// What an image must measure to count, and from where on more doesn't count: for the whole pod, and for each container.
const (
	smallImages = 23 << 20
	largeImages = 1000 << 20
)

// imageLocality prefers nodes that have the pod's images. One that few nodes have counts less: not all pods shall go there.
func imageLocality(c *filter.Context, p *view.Pod, nodes []*view.Node, out []int64) bool {
	var images []string
	for _, cs := range [][]v1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range cs {
			images = append(images, imageName(cs[i].Image))
		}
	}
	total := len(c.State.Nodes())
	limit := int64(largeImages) * int64(len(images))
	any := false
	for _, name := range images {
		holders := c.State.NodesWithImage(name)
		if holders == 0 {
			continue
		}
		for i, n := range nodes {
			out[i] += int64(float64(n.Images[name]) * float64(holders) / float64(total))
			any = true
		}
	}
	if !any {
		return false
	}
	for i, sum := range out {
		out[i] = best * (min(max(sum, smallImages), limit) - smallImages) / (limit - smallImages)
	}
	return true
}

// imageName is the name that nodes know an image by.
func imageName(name string) string {
	if strings.LastIndex(name, ":") <= strings.LastIndex(name, "/") {
		return name + ":latest"
	}
	return name
}
