package validation

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What users cannot take for themselves.
const (
	systemPrefix = "system-"

	// maxPriority is the highest that users can give: above are the cluster's own pods.
	maxPriority = 1000000000
)

// systemPriority is what a name with the system's prefix stands for.
func systemPriority(name string) (int32, bool) {
	switch name {
	case "system-cluster-critical":
		return 2 * maxPriority, true
	case "system-node-critical":
		return 2*maxPriority + 1000, true
	}
	return 0, false
}

// newPriorityClass keeps users below the cluster's own pods, in number and in name.
func newPriorityClass(c *schedulingv1.PriorityClass) errs {
	if strings.HasPrefix(c.Name, systemPrefix) {
		value, known := systemPriority(c.Name)
		return when(!known || c.Value != value || c.GlobalDefault, field.Forbidden(metaPath.Child("name"),
			"priority class names with 'system-' prefix are reserved for system use only"))
	}
	return when(c.Value > maxPriority, field.Forbidden(field.NewPath("value"),
		fmt.Sprintf("maximum allowed value of a user defined priority is %v", maxPriority)))
}

// validPriorityClass checks whether pods of the class may drive out others.
func validPriorityClass(c *schedulingv1.PriorityClass) errs {
	return oneOfPtr(field.NewPath("preemptionPolicy"), c.PreemptionPolicy, v1.PreemptLowerPriority, v1.PreemptNever)
}

// updatePriorityClass keeps the number that pods of the class were given already.
func updatePriorityClass(c, old *schedulingv1.PriorityClass) errs {
	return slices.Concat(
		when(c.Value != old.Value, field.Forbidden(field.NewPath("value"), "may not be changed in an update.")),
		unchanged(field.NewPath("preemptionPolicy"), c.PreemptionPolicy, old.PreemptionPolicy),
	)
}
