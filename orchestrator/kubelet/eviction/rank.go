package eviction

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
)

// rank puts pods into the order in which they have to go: those that use more than they asked for, then those of least priority, then
// those that use most beyond what they asked for. Nobody asks for processes or inodes.
func rank(pods []*v1.Pod, usage map[types.UID]PodUsage, what string) []*v1.Pod {
	type weighed struct {
		pod      *v1.Pod
		over     int64
		priority int32
	}
	all := make([]weighed, len(pods))
	for i, pod := range pods {
		u := usage[pod.UID]
		all[i] = weighed{pod, u.of(what) - requested(resource.PodRequests(pod, resource.PodResourcesOptions{}), what), corev1helpers.PodPriority(pod)}
	}
	slices.SortStableFunc(all, func(a, b weighed) int {
		if what != "pids" && (a.over > 0) != (b.over > 0) {
			return cmp.Compare(b.over, a.over)
		}
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(b.over, a.over))
	})
	ranked := make([]*v1.Pod, len(all))
	for i := range all {
		ranked[i] = all[i].pod
	}
	return ranked
}

// requested is how much of a resource was asked for.
func requested(requests v1.ResourceList, what string) int64 {
	quantity := requests[v1.ResourceName(what)]
	return quantity.Value()
}

// message tells a pod why it has to go: what there was too little of, and which of its containers used more of that than it asked for.
func message(t Threshold, o Observation, pod *v1.Pod, u PodUsage) string {
	what := t.Signal.resource()
	var text strings.Builder
	fmt.Fprintf(&text, lowMessage, what)
	fmt.Fprintf(&text, "Threshold quantity: %s, available: %s. ", amount(t.quantity(o.Capacity), what), amount(o.Available, what))
	if what != string(v1.ResourceMemory) && what != string(v1.ResourceEphemeralStorage) {
		return text.String()
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		used, ok := u.Containers[c.Name]
		request := requested(c.Resources.Requests, what)
		if ok && used.of(what) > request {
			asked := c.Resources.Requests[v1.ResourceName(what)]
			fmt.Fprintf(&text, "Container %s was using %s, request is %s, has larger consumption of %s. ", c.Name, amount(used.of(what), what), asked.String(), what)
		}
	}
	return text.String()
}

// amount is how people write a number of bytes, or of other things.
func amount(n int64, what string) string {
	if what == string(v1.ResourceMemory) || what == string(v1.ResourceEphemeralStorage) {
		const kibibyte = 1024
		return apiresource.NewQuantity(n/kibibyte*kibibyte, apiresource.BinarySI).String() // not to the byte
	}
	return strconv.FormatInt(n, 10)
}
