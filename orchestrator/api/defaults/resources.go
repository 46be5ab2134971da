package defaults

import (
	"maps"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resources "k8s.io/component-helpers/resource"
)

// round rounds amounts up to thousandths, the finest that Kubernetes counts.
func round(list v1.ResourceList) {
	for name, amount := range list {
		amount.RoundUp(resource.Milli)
		list[name] = amount
	}
}

// requirements rounds what a container or a pod asks for; r may be nil.
func requirements(r *v1.ResourceRequirements) {
	if r != nil {
		round(r.Limits)
		round(r.Requests)
	}
}

// copyMissing adds to *to what from has, *to hasn't, and wanted accepts.
func copyMissing(to *v1.ResourceList, from v1.ResourceList, wanted func(v1.ResourceName) bool) {
	for name, amount := range from {
		if _, has := (*to)[name]; has || !wanted(name) {
			continue
		}
		if *to == nil {
			*to = v1.ResourceList{}
		}
		(*to)[name] = amount.DeepCopy()
	}
}

// anyResource wants all that there is.
func anyResource(v1.ResourceName) bool { return true }

// hugePages wants memory in large pages, whatever their size.
func hugePages(name v1.ResourceName) bool {
	return strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix)
}

// requestLimits makes a container request what it is limited to, where it requests nothing else.
func requestLimits(containers []v1.Container) {
	for i := range containers {
		r := &containers[i].Resources
		copyMissing(&r.Requests, r.Limits, anyResource)
	}
}

// podResources completes what a pod as a whole may use. Requests are those of its containers together, where they have any, else
// the pod's own limits. Huge pages can't be overcommitted, so their limits come from the containers.
func podResources(p *v1.Pod) {
	r := p.Spec.Resources
	if r == nil {
		return
	}
	if len(r.Limits)+len(r.Requests) > 0 {
		copyMissing(&r.Limits, resources.AggregateContainerLimits(p, resources.PodResourcesOptions{}), hugePages)
	}
	if len(r.Limits) > 0 {
		requests := resources.AggregateContainerRequests(p, resources.PodResourcesOptions{})
		copyMissing(&r.Requests, requests, resources.IsSupportedPodLevelResource)
		copyMissing(&r.Requests, r.Limits, resources.IsSupportedPodLevelResource)
	}
}

// limitRange makes the limits of containers follow from each other: the default limit from the maximum, the default request from
// the default limit, else from the minimum.
func limitRange(l *v1.LimitRange) {
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		if item.Type == v1.LimitTypeContainer {
			copyMissing(&item.Default, item.Max, anyResource)
			copyMissing(&item.DefaultRequest, item.Default, anyResource)
			copyMissing(&item.DefaultRequest, item.Min, anyResource)
		}
		for _, list := range []v1.ResourceList{item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio} {
			round(list)
		}
	}
}

// resourceQuota has no defaults but exact amounts.
func resourceQuota(q *v1.ResourceQuota) {
	round(q.Spec.Hard)
	round(q.Status.Hard)
	round(q.Status.Used)
}

// node lets pods have all that a node has, unless its kubelet says what it keeps for itself.
func node(n *v1.Node) {
	if n.Status.Allocatable == nil {
		n.Status.Allocatable = maps.Clone(n.Status.Capacity)
	}
	round(n.Status.Capacity)
	round(n.Status.Allocatable)
	mirrorPodCIDRs(&n.Spec)
}
