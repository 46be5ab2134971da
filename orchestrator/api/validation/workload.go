package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// selectorMismatch is how pods are refused that would not be found again.
const selectorMismatch = "`selector` does not match template `labels`"

// workload checks what all have in common that keep pods of one template running: which pods are theirs, and what these are.
// kind is how the messages call it; empty is how they call an empty selector.
func workload(at path, sel *metav1.LabelSelector, t *v1.PodTemplateSpec, kind, empty string) errs {
	all := workloadSelector(at.Child("selector"), sel, empty)
	return slices.Concat(all, matches(at.Child("template", "metadata", "labels"), sel, t), foreverTemplate(at.Child("template"), t, kind))
}

// workloadSelector asks for a selector that selects something.
func workloadSelector(at path, sel *metav1.LabelSelector, empty string) errs {
	if sel == nil {
		return errs{field.Required(at, "")}
	}
	return append(selector(at, sel), when(len(sel.MatchLabels)+len(sel.MatchExpressions) == 0, field.Invalid(at, sel, empty))...)
}

// matches asks that the pods of a template are found by the selector: pods that aren't would be made without end.
func matches(at path, sel *metav1.LabelSelector, t *v1.PodTemplateSpec) errs {
	s, err := metav1.LabelSelectorAsSelector(sel)
	if err != nil || s.Empty() || sel == nil { // reported elsewhere
		return nil
	}
	return when(!s.Matches(labels.Set(t.Labels)), field.Invalid(at, t.Labels, selectorMismatch))
}

// foreverTemplate checks the template of pods that are meant to run for ever.
func foreverTemplate(at path, t *v1.PodTemplateSpec, kind string) errs {
	policy := t.Spec.RestartPolicy
	return slices.Concat(
		podTemplate(at, t),
		when(policy != "" && policy != v1.RestartPolicyAlways && known(policy),
			field.NotSupported(at.Child("spec", "restartPolicy"), policy, []v1.RestartPolicy{v1.RestartPolicyAlways})),
		when(t.Spec.ActiveDeadlineSeconds != nil,
			field.Forbidden(at.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in "+kind+" is not Supported")),
	)
}

// known tells a restart policy that some pods may have from one that none may, which is reported as that.
func known(p v1.RestartPolicy) bool {
	return p == v1.RestartPolicyNever || p == v1.RestartPolicyOnFailure
}

// rolling checks how many pods a rolling update may take away, and add, at a time.
func rolling(at path, unavailable, surge *intstr.IntOrString) errs {
	return slices.Concat(
		countOrPercent(at.Child("maxUnavailable"), unavailable),
		countOrPercent(at.Child("maxSurge"), surge),
		atMostAll(at.Child("maxUnavailable"), unavailable),
	)
}

// replicaCounts checks what a controller says about its pods: no count is negative, and none of a part exceeds the whole.
func replicaCounts(at path, replicas int32, parts map[string]int32) errs {
	all := notNegative(at.Child("replicas"), replicas)
	for _, name := range ordered(parts) {
		n := parts[name]
		all = append(all, notNegative(at.Child(name), n)...)
		all = append(all, when(n > replicas, field.Invalid(at.Child(name), n, "cannot be greater than status.replicas"))...)
	}
	return all
}

// notBack asks that what only grows didn't shrink.
func notBack(at path, now, was int64) errs {
	return when(now < was, field.Invalid(at, now, "cannot be decremented"))
}

// collisions checks the count of name collisions, which only grows.
func collisions(at path, now, was *int32) errs {
	all := notNegativePtr(at, now)
	switch {
	case was == nil:
	case now == nil:
		all = append(all, field.Invalid(at, now, "cannot be decremented"))
	default:
		all = append(all, notBack(at, int64(*now), int64(*was))...)
	}
	return all
}
