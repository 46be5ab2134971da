package tables

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// policy are disruption budgets. They set one of two amounts.
func policy() []printer {
	return []printer{printerOf(columns{
		nameColumn(),
		col("Min Available", text, "The minimum number of pods that must be available."),
		col("Max Unavailable", text, "The maximum number of pods that may be unavailable."),
		col("Allowed Disruptions", number, "Calculated number of pods that may be disrupted at this time."),
		ageColumn(),
	}, func(b *policyv1.PodDisruptionBudget, at now) []any {
		return []any{b.Name, amount(b.Spec.MinAvailable), amount(b.Spec.MaxUnavailable), int64(b.Status.DisruptionsAllowed), at.age(b)}
	})}
}

// amount is a number or a percentage, or not applicable.
func amount(n *intstr.IntOrString) string {
	if n == nil {
		return "N/A"
	}
	return n.String()
}
