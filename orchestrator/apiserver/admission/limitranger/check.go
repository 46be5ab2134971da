package limitranger

import (
	"fmt"
	"maps"
	"slices"

	"gopkg.in/inf.v0"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/admission"
	resourcehelper "k8s.io/component-helpers/resource"
)

// checks returns what finds the faults of a request's object by one item of a range; nil if there is nothing to look at.
func checks(a admission.Attributes) func(*corev1.LimitRangeItem) []error {
	switch obj := a.GetObject().(type) {
	case *corev1.Pod:
		if a.GetOperation() == admission.Create && a.GetSubresource() == "" {
			return func(item *corev1.LimitRangeItem) []error { return checkPod(obj, item) }
		}
	case *corev1.PersistentVolumeClaim:
		if a.GetSubresource() != "" {
			return nil
		}
		if old, ok := a.GetOldObject().(*corev1.PersistentVolumeClaim); ok {
			was, is := old.Spec.Resources.Requests[corev1.ResourceStorage], obj.Spec.Resources.Requests[corev1.ResourceStorage]
			if was.Cmp(is) == 0 {
				return nil
			}
		}
		return func(item *corev1.LimitRangeItem) []error { return checkClaim(obj, item) }
	}
	return nil
}

// checkPod looks at each container by itself, or at all of them together, as the item says.
func checkPod(pod *corev1.Pod, item *corev1.LimitRangeItem) (faults []error) {
	switch item.Type {
	case corev1.LimitTypeContainer:
		for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for i := range containers {
				r := &containers[i].Resources
				faults = append(faults, check(item, r.Requests, r.Limits)...)
			}
		}
	case corev1.LimitTypePod:
		// What runs one after another counts by the greatest, and the overhead isn't the user's to limit.
		o := resourcehelper.PodResourcesOptions{ExcludeOverhead: true}
		faults = check(item, resourcehelper.PodRequests(pod, o), resourcehelper.PodLimits(pod, o))
	}
	return faults
}

// checkClaim looks at requests alone: claims have no limits.
func checkClaim(claim *corev1.PersistentVolumeClaim, item *corev1.LimitRangeItem) (faults []error) {
	if item.Type != corev1.LimitTypePersistentVolumeClaim {
		return nil
	}
	requests := claim.Spec.Resources.Requests
	for _, name := range sorted(item.Min) {
		faults = appendFault(faults, atLeast(item.Type, name, item.Min[name], requests, nil))
	}
	for _, name := range sorted(item.Max) {
		faults = appendFault(faults, requestAtMost(item.Type, name, item.Max[name], requests))
	}
	return faults
}

// check returns all that is wrong with one set of requests and limits.
func check(item *corev1.LimitRangeItem, requests, limits corev1.ResourceList) (faults []error) {
	for _, name := range sorted(item.Min) {
		faults = appendFault(faults, atLeast(item.Type, name, item.Min[name], requests, limits))
	}
	for _, name := range sorted(item.Max) {
		faults = appendFault(faults, atMost(item.Type, name, item.Max[name], requests, limits))
	}
	for _, name := range sorted(item.MaxLimitRequestRatio) {
		faults = appendFault(faults, ratioAtMost(item.Type, name, item.MaxLimitRequestRatio[name], requests, limits))
	}
	return faults
}

// sorted makes the order of messages always the same.
func sorted(list corev1.ResourceList) []corev1.ResourceName { return slices.Sorted(maps.Keys(list)) }

// appendFault passes over what is in order.
func appendFault(faults []error, fault error) []error {
	if fault == nil {
		return faults
	}
	return append(faults, fault)
}

// atLeast wants a request, which is what a pod surely gets; a limit below is one too.
func atLeast(typ corev1.LimitType, name corev1.ResourceName, low resource.Quantity, requests, limits corev1.ResourceList) error {
	request, ok := requests[name]
	if !ok {
		return fmt.Errorf("minimum %s usage per %s is %s.  No request is specified", name, typ, low.String())
	}
	if request.Cmp(low) < 0 {
		return fmt.Errorf("minimum %s usage per %s is %s, but request is %s", name, typ, low.String(), request.String())
	}
	if limit, ok := limits[name]; ok && limit.Cmp(low) < 0 {
		return fmt.Errorf("minimum %s usage per %s is %s, but limit is %s", name, typ, low.String(), limit.String())
	}
	return nil
}

// atMost wants a limit: without one there is no end to what is used.
func atMost(typ corev1.LimitType, name corev1.ResourceName, high resource.Quantity, requests, limits corev1.ResourceList) error {
	limit, ok := limits[name]
	if !ok {
		return fmt.Errorf("maximum %s usage per %s is %s.  No limit is specified", name, typ, high.String())
	}
	if limit.Cmp(high) > 0 {
		return fmt.Errorf("maximum %s usage per %s is %s, but limit is %s", name, typ, high.String(), limit.String())
	}
	if request, ok := requests[name]; ok && request.Cmp(high) > 0 {
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, typ, high.String(), request.String())
	}
	return nil
}

// requestAtMost is atMost for what has no limits.
func requestAtMost(typ corev1.LimitType, name corev1.ResourceName, high resource.Quantity, requests corev1.ResourceList) error {
	request, ok := requests[name]
	if !ok {
		return fmt.Errorf("maximum %s usage per %s is %s.  No request is specified", name, typ, high.String())
	}
	if request.Cmp(high) > 0 {
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, typ, high.String(), request.String())
	}
	return nil
}

// ratioAtMost keeps pods from promising little and using much.
func ratioAtMost(typ corev1.LimitType, name corev1.ResourceName, high resource.Quantity, requests, limits corev1.ResourceList) error {
	request, limit := requests[name], limits[name]
	if request.IsZero() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no request is specified or request is 0",
			name, typ, high.String())
	}
	if limit.IsZero() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0",
			name, typ, high.String())
	}
	// Exactly, for a ratio that is just allowed must not fail by a rounding.
	if allowed := new(inf.Dec).Mul(high.AsDec(), request.AsDec()); limit.AsDec().Cmp(allowed) > 0 {
		ratio := limit.AsApproximateFloat64() / request.AsApproximateFloat64()
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but provided ratio is %f", name, typ, high.String(), ratio)
	}
	return nil
}
