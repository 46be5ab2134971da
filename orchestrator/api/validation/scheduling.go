package validation

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podScheduling checks where a pod may run, and beside whom.
func podScheduling(at path, s *v1.PodSpec) errs {
	return slices.Concat(
		nodeLabels(at.Child("nodeSelector"), s.NodeSelector),
		affinity(at.Child("affinity"), s.Affinity),
		each(at.Child("tolerations"), s.Tolerations, toleration),
		each(at.Child("topologySpreadConstraints"), s.TopologySpreadConstraints, topologySpread),
		unique(at.Child("topologySpreadConstraints"), s.TopologySpreadConstraints, "{topologyKey, whenUnsatisfiable}",
			func(c *v1.TopologySpreadConstraint) string {
				return fmt.Sprintf("{%v, %v}", c.TopologyKey, c.WhenUnsatisfiable)
			}),
		each(at.Child("schedulingGates"), s.SchedulingGates, func(at path, g *v1.PodSchedulingGate) errs {
			return qualified(at, g.Name)
		}),
		schedulingGates(at.Child("schedulingGates"), s.SchedulingGates),
		oneOfPtr(at.Child("preemptionPolicy"), s.PreemptionPolicy, v1.PreemptLowerPriority, v1.PreemptNever),
		when(s.NodeName != "" && len(s.SchedulingGates) > 0,
			field.Forbidden(at.Child("nodeName"), "cannot be set until all schedulingGates have been cleared")),
	)
}

// schedulingGates asks that each is named once, so that it can be taken away once.
func schedulingGates(at path, gates []v1.PodSchedulingGate) errs {
	seen := map[string]bool{}
	return each(at, gates, func(at path, g *v1.PodSchedulingGate) errs {
		twice := seen[g.Name]
		seen[g.Name] = true
		return when(twice, field.Duplicate(at, g.Name))
	})
}

// toleration checks which taints a pod puts up with. What is wrong with the value is told at the operator, as ever.
func toleration(at path, t *v1.Toleration) errs {
	var all errs
	if t.Key != "" {
		all = qualified(at.Child("key"), t.Key)
	} else if t.Operator != v1.TolerationOpExists {
		all = errs{field.Invalid(at.Child("operator"), t.Operator,
			`operator must be Exists when `+"`key`"+` is empty, which means "match all values and all keys"`)}
	}
	if t.TolerationSeconds != nil && t.Effect != v1.TaintEffectNoExecute {
		all = append(all, field.Invalid(at.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
	}
	switch t.Operator {
	case v1.TolerationOpEqual, "":
		all = append(all, labelValue(at.Child("operator"), t.Value)...)
	case v1.TolerationOpExists:
		all = append(all, when(t.Value != "",
			field.Invalid(at.Child("operator"), t, "value must be empty when `operator` is 'Exists'"))...)
	default:
		all = append(all, field.NotSupported(at.Child("operator"), t.Operator,
			[]v1.TolerationOperator{v1.TolerationOpEqual, v1.TolerationOpExists}))
	}
	return append(all, maybeOneOf(at.Child("effect"), t.Effect,
		v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute)...)
}

// topologySpread checks how evenly pods are spread, and over what.
func topologySpread(at path, c *v1.TopologySpreadConstraint) errs {
	all := slices.Concat(
		when(c.MaxSkew <= 0, field.Invalid(at.Child("maxSkew"), c.MaxSkew, "must be greater than zero")),
		topologyKey(at.Child("topologyKey"), c.TopologyKey),
		oneOf(at.Child("whenUnsatisfiable"), c.WhenUnsatisfiable, v1.DoNotSchedule, v1.ScheduleAnyway),
		selector(at.Child("labelSelector"), c.LabelSelector),
		oneOfPtr(at.Child("nodeAffinityPolicy"), c.NodeAffinityPolicy, v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore),
		oneOfPtr(at.Child("nodeTaintsPolicy"), c.NodeTaintsPolicy, v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore),
		labelKeys(at.Child("matchLabelKeys"), c.MatchLabelKeys),
		when(len(c.MatchLabelKeys) > 0 && c.LabelSelector == nil,
			field.Forbidden(at.Child("matchLabelKeys"), "must not be specified when labelSelector is not set")),
	)
	if n := c.MinDomains; n != nil {
		all = slices.Concat(all,
			when(*n <= 0, field.Invalid(at.Child("minDomains"), *n, "must be greater than zero")),
			when(c.WhenUnsatisfiable != v1.DoNotSchedule, field.Invalid(at.Child("minDomains"), *n,
				fmt.Sprintf("can only use minDomains if whenUnsatisfiable=%s, not %s", v1.DoNotSchedule, c.WhenUnsatisfiable))),
		)
	}
	return all
}

// topologyKey asks for the label of nodes that tells their zone, or whatever else they have in common.
func topologyKey(at path, key string) errs {
	if key == "" {
		return errs{field.Required(at, "can not be empty")}
	}
	return qualified(at, key)
}

// labelKeys checks keys whose values are taken from the pod itself.
func labelKeys(at path, keys []string) errs {
	return each(at, keys, func(at path, k *string) errs { return qualified(at, *k) })
}

// labelValue asks for what can be a label's value.
func labelValue(at path, v string) errs {
	return metavalidation.ValidateLabels(map[string]string{"key": v}, at)
}

// taints checks what keeps pods off a node: each key once for each effect.
func taints(at path, all []v1.Taint) errs {
	seen := map[string]bool{}
	return each(at, all, func(at path, t *v1.Taint) errs {
		id := t.Key + ":" + string(t.Effect)
		twice := seen[id]
		seen[id] = true
		return slices.Concat(
			qualified(at.Child("key"), t.Key),
			labelValue(at.Child("value"), t.Value),
			oneOf(at.Child("effect"), t.Effect, v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute),
			when(twice, field.Duplicate(at, *t)),
		)
	})
}
