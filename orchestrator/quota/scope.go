package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Matches tells that an object is in all scopes of a quota; without scopes, every object is. Only pods and claims of volumes are
// in any. An error means that the quota's scope selector makes no sense.
func Matches(q *corev1.ResourceQuota, obj runtime.Object) (bool, error) {
	var asked []corev1.ScopedResourceSelectorRequirement
	for _, s := range q.Spec.Scopes {
		asked = append(asked, corev1.ScopedResourceSelectorRequirement{ScopeName: s, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		asked = append(asked, q.Spec.ScopeSelector.MatchExpressions...)
	}
	for i := range asked {
		in, err := inScope(&asked[i], obj)
		if !in || err != nil {
			return false, err
		}
	}
	return true, nil
}

func inScope(asked *corev1.ScopedResourceSelectorRequirement, obj runtime.Object) (bool, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		return podInScope(asked, o)
	case *corev1.PersistentVolumeClaim:
		if asked.ScopeName == corev1.ResourceQuotaScopeVolumeAttributesClass {
			return claimInScope(asked, o)
		}
	}
	return false, nil
}

func podInScope(asked *corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) (bool, error) {
	switch asked.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return pod.Spec.ActiveDeadlineSeconds != nil, nil
	case corev1.ResourceQuotaScopeNotTerminating:
		return pod.Spec.ActiveDeadlineSeconds == nil, nil
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(pod), nil
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(pod), nil
	case corev1.ResourceQuotaScopePriorityClass:
		return selects(asked, pod.Spec.PriorityClassName)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return crossesNamespaces(pod.Spec.Affinity), nil
	}
	return false, nil
}

// claimInScope goes by the class that a claim wants and by the one that it has: either may be charged.
func claimInScope(asked *corev1.ScopedResourceSelectorRequirement, c *corev1.PersistentVolumeClaim) (bool, error) {
	var classes []string
	if name := c.Spec.VolumeAttributesClassName; name != nil && *name != "" {
		classes = append(classes, *name)
	}
	if name := c.Status.CurrentVolumeAttributesClassName; name != nil && *name != "" {
		classes = append(classes, *name)
	}
	if m := c.Status.ModifyVolumeStatus; m != nil && m.TargetVolumeAttributesClassName != "" {
		classes = append(classes, m.TargetVolumeAttributesClassName)
	}
	if len(classes) == 0 {
		return selects(asked, "")
	}
	for _, class := range classes {
		if in, err := selects(asked, class); in || err != nil {
			return in, err
		}
	}
	return false, nil
}

// selects tells that what is asked of the scope's value holds for value, which is empty where there is none.
func selects(asked *corev1.ScopedResourceSelectorRequirement, value string) (bool, error) {
	switch asked.Operator {
	case corev1.ScopeSelectorOpExists:
		return value != "", nil
	case corev1.ScopeSelectorOpDoesNotExist:
		return value == "", nil
	case corev1.ScopeSelectorOpIn:
		return value != "" && slices.Contains(asked.Values, value), nil
	case corev1.ScopeSelectorOpNotIn:
		return !slices.Contains(asked.Values, value), nil
	}
	return false, fmt.Errorf("quota: scope %s: %q is no operator", asked.ScopeName, asked.Operator)
}

func crossesNamespaces(a *corev1.Affinity) bool {
	if a == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	var weighted []corev1.WeightedPodAffinityTerm
	if p := a.PodAffinity; p != nil {
		terms = append(terms, p.RequiredDuringSchedulingIgnoredDuringExecution...)
		weighted = append(weighted, p.PreferredDuringSchedulingIgnoredDuringExecution...)
	}
	if p := a.PodAntiAffinity; p != nil {
		terms = append(terms, p.RequiredDuringSchedulingIgnoredDuringExecution...)
		weighted = append(weighted, p.PreferredDuringSchedulingIgnoredDuringExecution...)
	}
	for i := range weighted {
		terms = append(terms, weighted[i].PodAffinityTerm)
	}
	return slices.ContainsFunc(terms, func(t corev1.PodAffinityTerm) bool {
		return len(t.Namespaces) > 0 || t.NamespaceSelector != nil
	})
}
