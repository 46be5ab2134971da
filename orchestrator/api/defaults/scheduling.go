package defaults

import (
	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
)

// priorityClass lets pods push out those of lower priority.
func priorityClass(c *schedulingv1.PriorityClass) {
	point(&c.PreemptionPolicy, v1.PreemptLowerPriority)
}
