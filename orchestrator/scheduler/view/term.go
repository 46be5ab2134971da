package view

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"
)

// Term is one statement of a pod about the pods that it wants to be near to, or far from.
type Term struct {
	// Topology is the node label whose equal values mean "near".
	Topology string
	// Weight is that of a preference.
	Weight int64

	selector          labels.Selector
	namespaces        sets.Set[string]
	namespaceSelector labels.Selector // nil if there is none
}

// NamespaceLabels tells the labels of a namespace; nil if it isn't known.
type NamespaceLabels func(namespace string) labels.Set

// Matches tells that a pod is one of those that the term speaks of.
func (t *Term) Matches(pod *v1.Pod, labelsOf NamespaceLabels) bool {
	if !t.selector.Matches(labels.Set(pod.Labels)) {
		return false
	}
	return t.namespaces.Has(pod.Namespace) || (t.namespaceSelector != nil && t.namespaceSelector.Matches(labelsOf(pod.Namespace)))
}

// termsOf compiles terms. A selector that can't be read matches nothing, as with an absent one.
func termsOf(pod *v1.Pod, terms []v1.PodAffinityTerm) (out []Term) {
	for i := range terms {
		out = append(out, termOf(pod, &terms[i], 0))
	}
	return out
}

// weightedTermsOf compiles preferences; sign is -1 where they are aversions.
func weightedTermsOf(pod *v1.Pod, terms []v1.WeightedPodAffinityTerm, sign int64) (out []Term) {
	for i := range terms {
		if terms[i].Weight != 0 {
			out = append(out, termOf(pod, &terms[i].PodAffinityTerm, sign*int64(terms[i].Weight)))
		}
	}
	return out
}

// termOf compiles one. Without a word on namespaces a term speaks of the pod's own.
func termOf(pod *v1.Pod, t *v1.PodAffinityTerm, weight int64) Term {
	c := Term{
		Topology: t.TopologyKey, Weight: weight,
		selector:   WithLabelKeys(Selector(t.LabelSelector), pod.Labels, t.MatchLabelKeys, t.MismatchLabelKeys),
		namespaces: sets.New(t.Namespaces...),
	}
	if t.NamespaceSelector != nil {
		c.namespaceSelector = Selector(t.NamespaceSelector)
	}
	if len(t.Namespaces) == 0 && t.NamespaceSelector == nil {
		c.namespaces.Insert(pod.Namespace)
	}
	return c
}

// Selector compiles a selector; an absent one, and one that can't be read, select nothing.
func Selector(s *metav1.LabelSelector) labels.Selector {
	compiled, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return compiled
}

// WithLabelKeys narrows a selector to pods whose labels of these keys are the same as own, or are not.
func WithLabelKeys(s labels.Selector, own map[string]string, same, different []string) labels.Selector {
	narrow := func(keys []string, op selection.Operator) {
		for _, key := range keys {
			value, ok := own[key]
			if !ok {
				continue
			}
			if r, err := labels.NewRequirement(key, op, []string{value}); err == nil {
				s = s.Add(*r)
			}
		}
	}
	narrow(same, selection.In)
	narrow(different, selection.NotIn)
	return s
}
