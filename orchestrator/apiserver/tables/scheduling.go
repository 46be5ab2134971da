package tables

import (
	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/utils/ptr"
)

// scheduling are priority classes.
func scheduling() []printer {
	doc := schedulingv1.PriorityClass{}.SwaggerDoc()
	return []printer{printerOf(columns{
		nameColumn(),
		col("Value", number, doc["value"]),
		col("Global-Default", truth, doc["globalDefault"]),
		ageColumn(),
		col("PreemptionPolicy", text, doc["preemptionPolicy"]),
	}, func(c *schedulingv1.PriorityClass, at now) []any {
		return []any{c.Name, int64(c.Value), c.GlobalDefault, at.age(c), string(ptr.Deref(c.PreemptionPolicy, v1.PreemptLowerPriority))}
	})}
}
