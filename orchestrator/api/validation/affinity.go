package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The two strengths of an affinity, whose names all paths below it begin with.
const (
	required  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferred = "preferredDuringSchedulingIgnoredDuringExecution"
)

// affinity checks which nodes, and which pods as neighbors, a pod must or would like to have.
func affinity(at path, a *v1.Affinity) errs {
	if a == nil {
		return nil
	}
	var all errs
	if n := a.NodeAffinity; n != nil {
		at := at.Child("nodeAffinity")
		all = slices.Concat(all,
			nodeSelector(at.Child(required), n.RequiredDuringSchedulingIgnoredDuringExecution),
			each(at.Child(preferred), n.PreferredDuringSchedulingIgnoredDuringExecution, preferredNodes),
		)
	}
	if p := a.PodAffinity; p != nil {
		at := at.Child("podAffinity")
		all = slices.Concat(all,
			each(at.Child(required), p.RequiredDuringSchedulingIgnoredDuringExecution, podAffinityTerm),
			each(at.Child(preferred), p.PreferredDuringSchedulingIgnoredDuringExecution, weightedPodAffinityTerm),
		)
	}
	if p := a.PodAntiAffinity; p != nil {
		at := at.Child("podAntiAffinity")
		all = slices.Concat(all,
			each(at.Child(required), p.RequiredDuringSchedulingIgnoredDuringExecution, podAffinityTerm),
			each(at.Child(preferred), p.PreferredDuringSchedulingIgnoredDuringExecution, weightedPodAffinityTerm),
		)
	}
	return all
}

// preferredNodes checks nodes that a pod would like to be on.
func preferredNodes(at path, t *v1.PreferredSchedulingTerm) errs {
	return append(weight(at.Child("weight"), t.Weight), nodeSelectorTerm(at.Child("preference"), &t.Preference)...)
}

// weight asks for what preferences are compared by.
func weight(at path, w int32) errs {
	return when(w < 1 || w > 100, field.Invalid(at, w, "must be in the range 1-100"))
}

// nodeSelector checks terms of which a node must meet one; without any, none could.
func nodeSelector(at path, s *v1.NodeSelector) errs {
	if s == nil {
		return nil
	}
	at = at.Child("nodeSelectorTerms")
	if len(s.NodeSelectorTerms) == 0 {
		return errs{field.Required(at, "must have at least one node selector term")}
	}
	return each(at, s.NodeSelectorTerms, nodeSelectorTerm)
}

// nodeSelectorTerm checks requirements that a node must meet all of.
func nodeSelectorTerm(at path, t *v1.NodeSelectorTerm) errs {
	return slices.Concat(
		each(at.Child("matchExpressions"), t.MatchExpressions, nodeExpression),
		each(at.Child("matchFields"), t.MatchFields, nodeField),
	)
}

// nodeExpression checks a requirement of a node's label. How many values it has depends on how they are compared.
func nodeExpression(at path, r *v1.NodeSelectorRequirement) errs {
	values := at.Child("values")
	var all errs
	switch r.Operator {
	case v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn:
		all = when(len(r.Values) == 0, field.Required(values, "must be specified when `operator` is 'In' or 'NotIn'"))
	case v1.NodeSelectorOpExists, v1.NodeSelectorOpDoesNotExist:
		all = when(len(r.Values) > 0, field.Forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
	case v1.NodeSelectorOpGt, v1.NodeSelectorOpLt:
		all = when(len(r.Values) != 1, field.Required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
	default:
		all = errs{field.Invalid(at.Child("operator"), r.Operator, "not a valid selector operator")}
	}
	return slices.Concat(all,
		qualified(at.Child("key"), r.Key),
		each(values, r.Values, func(at path, v *string) errs { return invalid(at, *v, validation.IsValidLabelValue(*v)) }),
	)
}

// nodeField checks a requirement of a node's field, of which there is one that can be asked for: its name.
func nodeField(at path, r *v1.NodeSelectorRequirement) errs {
	var all errs
	switch r.Operator {
	case v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn:
		all = when(len(r.Values) != 1, field.Required(at.Child("values"),
			"must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
	default:
		all = errs{field.Invalid(at.Child("operator"), r.Operator, "not a valid selector operator")}
	}
	if r.Key != "metadata.name" {
		return append(all, field.Invalid(at.Child("key"), r.Key, "not a valid field selector key"))
	}
	return append(all, each(at.Child("values"), r.Values, func(at path, v *string) errs { return invalid(at, *v, subdomain(*v)) })...)
}

// weightedPodAffinityTerm checks neighbors that a pod would like to have.
func weightedPodAffinityTerm(at path, t *v1.WeightedPodAffinityTerm) errs {
	return append(weight(at.Child("weight"), t.Weight), podAffinityTerm(at.Child("podAffinityTerm"), &t.PodAffinityTerm)...)
}

// podAffinityTerm checks which neighbors are meant, and what makes two nodes neighbors.
func podAffinityTerm(at path, t *v1.PodAffinityTerm) errs {
	return slices.Concat(
		selector(at.Child("labelSelector"), t.LabelSelector),
		selector(at.Child("namespaceSelector"), t.NamespaceSelector),
		each(at.Child("namespaces"), t.Namespaces, func(_ path, n *string) errs {
			return invalid(at.Child("namespace"), *n, label(*n)) // at this path, as ever
		}),
		labelKeys(at.Child("matchLabelKeys"), t.MatchLabelKeys),
		labelKeys(at.Child("mismatchLabelKeys"), t.MismatchLabelKeys),
		when(len(t.MatchLabelKeys) > 0 && t.LabelSelector == nil,
			field.Forbidden(at.Child("matchLabelKeys"), "must not be specified when labelSelector is not set")),
		when(len(t.MismatchLabelKeys) > 0 && t.LabelSelector == nil,
			field.Forbidden(at.Child("mismatchLabelKeys"), "must not be specified when labelSelector is not set")),
		topologyKey(at.Child("topologyKey"), t.TopologyKey),
	)
}
