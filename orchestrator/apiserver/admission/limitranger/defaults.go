package limitranger

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// annotation tells in a pod what was set in it.
const annotation = "kubernetes.io/limit-ranger"

// setDefaults gives the containers of a pod the requests and limits that they lack.
func setDefaults(pod *corev1.Pod, r *corev1.LimitRange) {
	var done []string
	for i := range r.Spec.Limits {
		item := &r.Spec.Limits[i]
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		for j := range pod.Spec.Containers {
			done = append(done, setContainer(&pod.Spec.Containers[j], item, "container")...)
		}
		for j := range pod.Spec.InitContainers {
			done = append(done, setContainer(&pod.Spec.InitContainers[j], item, "init container")...)
		}
	}
	if len(done) == 0 {
		return
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[annotation] = "LimitRanger plugin set: " + strings.Join(done, "; ")
}

// setContainer returns what it has set, in the words of the annotation.
func setContainer(c *corev1.Container, item *corev1.LimitRangeItem, kind string) (done []string) {
	if set := fill(&c.Resources.Requests, item.DefaultRequest); len(set) > 0 {
		done = append(done, fmt.Sprintf("%s request for %s %s", strings.Join(set, ", "), kind, c.Name))
	}
	if set := fill(&c.Resources.Limits, item.Default); len(set) > 0 {
		done = append(done, fmt.Sprintf("%s limit for %s %s", strings.Join(set, ", "), kind, c.Name))
	}
	return done
}

// fill adds what a list lacks and returns the names of it.
func fill(list *corev1.ResourceList, from corev1.ResourceList) (set []string) {
	for name, quantity := range from {
		if _, has := (*list)[name]; has {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = quantity.DeepCopy()
		set = append(set, string(name))
	}
	slices.Sort(set)
	return set
}
