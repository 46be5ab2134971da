package validation

import (
	"slices"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validDisruptionBudget checks how many pods must stay, said one way or the other.
func validDisruptionBudget(b *policyv1.PodDisruptionBudget) errs {
	s := &b.Spec
	return slices.Concat(
		when(s.MinAvailable != nil && s.MaxUnavailable != nil,
			field.Invalid(specPath, s, "minAvailable and maxUnavailable cannot be both set")),
		countOrPercent(specPath.Child("minAvailable"), s.MinAvailable),
		atMostAll(specPath.Child("minAvailable"), s.MinAvailable),
		countOrPercent(specPath.Child("maxUnavailable"), s.MaxUnavailable),
		atMostAll(specPath.Child("maxUnavailable"), s.MaxUnavailable),
		selector(specPath.Child("selector"), s.Selector),
		oneOfPtr(specPath.Child("unhealthyPodEvictionPolicy"), s.UnhealthyPodEvictionPolicy,
			policyv1.IfHealthyBudget, policyv1.AlwaysAllow),
	)
}

// updateDisruptionBudgetStatus checks the counts that evictions are decided by.
func updateDisruptionBudgetStatus(b, _ *policyv1.PodDisruptionBudget) errs {
	s := &b.Status
	return slices.Concat(
		notNegative(statusPath.Child("disruptionsAllowed"), s.DisruptionsAllowed),
		notNegative(statusPath.Child("currentHealthy"), s.CurrentHealthy),
		notNegative(statusPath.Child("desiredHealthy"), s.DesiredHealthy),
		notNegative(statusPath.Child("expectedPods"), s.ExpectedPods),
	)
}
