package namespace

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conditions tell users why a namespace is still there. Types, reasons and messages are those that tools look for.
func (r *result) conditions() []corev1.NamespaceCondition {
	return []corev1.NamespaceCondition{
		condition(corev1.NamespaceDeletionDiscoveryFailure, "ResourcesDiscovered", "All resources successfully discovered",
			"DiscoveryFailed", failures("Discovery failed for some groups, %d failing: %v", r.discovery)),
		condition(corev1.NamespaceDeletionGVParsingFailure, "ParsedGroupVersions", "All legacy kube types successfully parsed",
			"GroupVersionParsingFailed", failures("Failed to parse %d group versions: %v", r.parsing)),
		condition(corev1.NamespaceDeletionContentFailure, "ContentDeleted", "All content successfully deleted, may be waiting on finalization",
			"ContentDeletionFailed", failures("Failed to delete all resource types, %d remaining: %v", r.deletion)),
		condition(corev1.NamespaceContentRemaining, "ContentRemoved", "All content successfully removed",
			"SomeResourcesRemain", r.resourcesMessage()),
		condition(corev1.NamespaceFinalizersRemaining, "ContentHasNoFinalizers", "All content-preserving finalizers finished",
			"SomeFinalizersRemain", r.finalizersMessage()),
	}
}

// condition is true, for the reason bad, if there is a message to say so.
func condition(typ corev1.NamespaceConditionType, good, goodMessage, bad, badMessage string) corev1.NamespaceCondition {
	if badMessage == "" {
		return corev1.NamespaceCondition{Type: typ, Status: corev1.ConditionFalse, Reason: good, Message: goodMessage}
	}
	return corev1.NamespaceCondition{Type: typ, Status: corev1.ConditionTrue, Reason: bad, Message: badMessage}
}

func failures(format string, errs []error) string {
	if len(errs) == 0 {
		return ""
	}
	return fmt.Sprintf(format, len(errs), errors.Join(errs...))
}

func (r *result) resourcesMessage() string {
	var parts []string
	for of, n := range r.remaining {
		parts = append(parts, fmt.Sprintf("%s.%s has %d resource instances", of.Resource, of.Group, n))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "Some resources are remaining: " + strings.Join(parts, ", ")
}

func (r *result) finalizersMessage() string {
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(r.finalizers)) {
		parts = append(parts, fmt.Sprintf("%s in %d resource instances", f, r.finalizers[f]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Some content in the namespace has finalizers remaining: " + strings.Join(parts, ", ")
}

// set puts a condition in the place of the one of its type, and tells whether that changed anything. The time is that of the last
// change of its status.
func set(conditions *[]corev1.NamespaceCondition, c corev1.NamespaceCondition, now metav1.Time) bool {
	for i := range *conditions {
		old := &(*conditions)[i]
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status && old.Reason == c.Reason && old.Message == c.Message {
			return false
		}
		c.LastTransitionTime = old.LastTransitionTime
		if old.Status != c.Status {
			c.LastTransitionTime = now
		}
		*old = c
		return true
	}
	c.LastTransitionTime = now
	*conditions = append(*conditions, c)
	return true
}
