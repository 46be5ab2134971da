package validation

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validQuota checks how much a namespace may use of what, and of which pods that is counted.
func validQuota(q *v1.ResourceQuota) errs {
	return slices.Concat(
		quotaAmounts(specPath.Child("hard"), q.Spec.Hard),
		quotaScopes(specPath.Child("scopes"), q.Spec.Scopes),
		quotaScopeSelector(specPath.Child("scopeSelector"), q.Spec.ScopeSelector),
	)
}

// quotaAmounts checks amounts of what can be counted.
func quotaAmounts(at path, l v1.ResourceList) errs {
	var all errs
	for _, n := range ordered(l) {
		at := at.Key(string(n))
		all = slices.Concat(all, quotaResource(at, n), quantity(at, n, l[n]))
	}
	return all
}

// quotaResource asks for what can be counted: without a domain, and without "count/", it is a standard name.
func quotaResource(at path, n v1.ResourceName) errs {
	standard := strings.Contains(string(n), "/") || slices.Contains(standardResources, n) || prefixed(n)
	return append(resourceName(at, n), when(!standard, field.Invalid(at, n, "must be a standard resource for quota"))...)
}

// quotaScopesKnown are the sets of pods that a quota can be about.
var quotaScopesKnown = []v1.ResourceQuotaScope{v1.ResourceQuotaScopeTerminating, v1.ResourceQuotaScopeNotTerminating,
	v1.ResourceQuotaScopeBestEffort, v1.ResourceQuotaScopeNotBestEffort, v1.ResourceQuotaScopePriorityClass,
	v1.ResourceQuotaScopeCrossNamespacePodAffinity, v1.ResourceQuotaScopeVolumeAttributesClass}

// quotaScopes asks for sets that there are, and not for two that have no pod in common.
func quotaScopes(at path, scopes []v1.ResourceQuotaScope) errs {
	all := each(at, scopes, func(_ path, s *v1.ResourceQuotaScope) errs {
		return when(!slices.Contains(quotaScopesKnown, *s), field.Invalid(at, scopes, "unsupported scope"))
	})
	has := sets.New(scopes...)
	both := has.HasAll(v1.ResourceQuotaScopeBestEffort, v1.ResourceQuotaScopeNotBestEffort) ||
		has.HasAll(v1.ResourceQuotaScopeTerminating, v1.ResourceQuotaScopeNotTerminating)
	return append(all, when(both, field.Invalid(at, scopes, "conflicting scopes"))...)
}

// quotaScopeSelector checks sets that have values, such as the priority.
func quotaScopeSelector(at path, s *v1.ScopeSelector) errs {
	if s == nil {
		return nil
	}
	return each(at.Child("matchExpressions"), s.MatchExpressions, func(at path, r *v1.ScopedResourceSelectorRequirement) errs {
		values := at.Child("values")
		all := when(!slices.Contains(quotaScopesKnown, r.ScopeName),
			field.Invalid(at.Child("scopeName"), r.ScopeName, "unsupported scope"))
		switch r.Operator {
		case v1.ScopeSelectorOpIn, v1.ScopeSelectorOpNotIn:
			return append(all, when(len(r.Values) == 0,
				field.Required(values, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))...)
		case v1.ScopeSelectorOpExists, v1.ScopeSelectorOpDoesNotExist:
			return append(all, when(len(r.Values) > 0, field.Invalid(values, r.Values,
				"must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))...)
		}
		return append(all, field.Invalid(at.Child("operator"), r.Operator, "not a valid selector operator"))
	})
}

// updateQuota keeps what is counted; how much of it is allowed may change.
func updateQuota(q, old *v1.ResourceQuota) errs {
	now, was := sets.New(q.Spec.Scopes...), sets.New(old.Spec.Scopes...)
	return when(!now.Equal(was), field.Invalid(specPath.Child("scopes"), q.Spec.Scopes, "field is immutable"))
}

// updateQuotaStatus checks what has been counted.
func updateQuotaStatus(q, _ *v1.ResourceQuota) errs {
	return append(quotaAmounts(statusPath.Child("hard"), q.Status.Hard), quotaAmounts(statusPath.Child("used"), q.Status.Used)...)
}

// validLimitRange checks what single pods, containers and claims of a namespace may ask for, one entry for each.
func validLimitRange(l *v1.LimitRange) errs {
	at := specPath.Child("limits")
	return slices.Concat(
		each(at, l.Spec.Limits, limitRangeItem),
		unique(at, l.Spec.Limits, "type", func(i *v1.LimitRangeItem) string { return string(i.Type) }),
	)
}

// limitRangeItem checks one of those. Only containers have defaults.
func limitRangeItem(at path, i *v1.LimitRangeItem) errs {
	kinds := []v1.LimitType{v1.LimitTypePod, v1.LimitTypeContainer, v1.LimitTypePersistentVolumeClaim}
	all := invalid(at.Child("type"), i.Type, validation.IsQualifiedName(string(i.Type)))
	all = append(all, when(len(all) == 0 && !slices.Contains(kinds, i.Type) && !strings.Contains(string(i.Type), "/"),
		field.Invalid(at.Child("type"), i.Type, "must be a standard limit type or fully qualified"))...)
	switch i.Type {
	case v1.LimitTypePod:
		const why = "may not be specified when `type` is 'Pod'"
		all = slices.Concat(all,
			when(len(i.Default) > 0, field.Forbidden(at.Child("default"), why)),
			when(len(i.DefaultRequest) > 0, field.Forbidden(at.Child("defaultRequest"), why)))
	case v1.LimitTypePersistentVolumeClaim:
		_, least := i.Min[v1.ResourceStorage]
		_, most := i.Max[v1.ResourceStorage]
		all = append(all, when(!least && !most,
			field.Required(at.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))...)
	}
	names := sets.KeySet(i.Max).Union(sets.KeySet(i.Min)).Union(sets.KeySet(i.Default)).Union(sets.KeySet(i.DefaultRequest)).
		Union(sets.KeySet(i.MaxLimitRequestRatio))
	for _, n := range sets.List(names) {
		all = append(all, limitOrder(at, i, n)...)
	}
	return slices.Concat(all,
		limitedResources(at.Child("max"), i.Type, i.Max),
		limitedResources(at.Child("min"), i.Type, i.Min),
		limitedResources(at.Child("default"), i.Type, i.Default),
		limitedResources(at.Child("defaultRequest"), i.Type, i.DefaultRequest),
		limitedResources(at.Child("maxLimitRequestRatio"), i.Type, i.MaxLimitRequestRatio),
	)
}

// limitedResources asks for resources that what is limited can use.
func limitedResources(at path, t v1.LimitType, l v1.ResourceList) errs {
	usable := resourceName
	if t == v1.LimitTypePod || t == v1.LimitTypeContainer {
		usable = containerResource
	}
	var all errs
	for _, n := range ordered(l) {
		all = append(all, usable(at.Key(string(n)), n)...)
	}
	return all
}

// bound is a pair of amounts of which the first may not exceed the second. at is the field that is blamed.
type bound struct {
	at        string
	low       v1.ResourceList
	lowName   string
	high      v1.ResourceList
	highName  string
	blameHigh bool
}

// limitOrder asks that the least of a resource is no more than what is asked for by default, that no more than what is allowed by
// default, and that no more than the most.
func limitOrder(at path, i *v1.LimitRangeItem, n v1.ResourceName) errs {
	key := string(n)
	var all errs
	for _, b := range []bound{
		{"min", i.Min, "min", i.Max, "max", false},
		{"defaultRequest", i.Min, "min", i.DefaultRequest, "default request", true},
		{"defaultRequest", i.DefaultRequest, "default request", i.Max, "max", false},
		{"defaultRequest", i.DefaultRequest, "default request", i.Default, "default limit", false},
		{"default", i.Min, "min", i.Default, "default", false},
		{"default", i.Default, "default", i.Max, "max", false},
	} {
		low, lowSet := b.low[n]
		high, highSet := b.high[n]
		if !lowSet || !highSet || low.Cmp(high) <= 0 {
			continue
		}
		blamed := low
		if b.blameHigh {
			blamed = high
		}
		all = append(all, field.Invalid(at.Child(b.at).Key(key), blamed.String(),
			fmt.Sprintf("%s value %s is greater than %s value %s", b.lowName, low.String(), b.highName, high.String())))
	}
	ratio, given := i.MaxLimitRequestRatio[n]
	return append(all, when(given && ratio.Cmp(*resource.NewQuantity(1, resource.DecimalSI)) < 0, field.Invalid(
		at.Child("maxLimitRequestRatio").Key(key), ratio.String(), fmt.Sprintf("ratio %s is less than 1", ratio.String())))...)
}
