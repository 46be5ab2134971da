package environment

import (
	"fmt"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Resource is what a resourceFieldRef says of a pod's container, counted in its divisor and rounded up. c is the container where the
// reference doesn't name one. A container that has no limit may use what the node can allocate.
func Resource(pod *v1.Pod, ref *v1.ResourceFieldSelector, c *v1.Container, allocatable func() v1.ResourceList) (string, error) {
	if ref.ContainerName != "" || c == nil {
		c = containerOf(pod, ref.ContainerName)
	}
	if c == nil {
		return "", fmt.Errorf("container %s not found", ref.ContainerName)
	}
	kind, resourceName, _ := strings.Cut(ref.Resource, ".")
	name := v1.ResourceName(resourceName)
	if name != v1.ResourceCPU && name != v1.ResourceMemory && name != v1.ResourceEphemeralStorage && !strings.HasPrefix(resourceName, v1.ResourceHugePagesPrefix) {
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	var quantity resource.Quantity
	switch kind {
	case "limits":
		quantity = c.Resources.Limits[name]
		if quantity.IsZero() && allocatable != nil {
			quantity = allocatable()[name]
		}
	case "requests":
		quantity = c.Resources.Requests[name]
	default:
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	count, divisor := quantity.Value(), ref.Divisor.Value()
	if name == v1.ResourceCPU {
		count, divisor = quantity.MilliValue(), ref.Divisor.MilliValue()
		if divisor == 0 {
			divisor = 1000
		}
	}
	divisor = max(divisor, 1)
	result := count / divisor
	if count%divisor > 0 {
		result++
	}
	return strconv.FormatInt(result, 10), nil
}

// containerOf is a pod's container, or one that comes before those, of a name.
func containerOf(pod *v1.Pod, name string) *v1.Container {
	for _, all := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}
