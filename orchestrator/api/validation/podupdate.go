package validation

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podMayChange names what of a pod's spec can be changed after all: the text is what users search for.
const podMayChange = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
	"`spec.tolerations` (only additions to existing tolerations)," +
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// updatePod lets through the few changes that a kubelet can carry out on a running pod, and what narrows where a gated pod may go.
func updatePod(pod, old *v1.Pod) errs {
	now, was := &pod.Spec, &old.Spec
	if len(now.Containers) != len(was.Containers) {
		return errs{field.Forbidden(specPath.Child("containers"), "pod updates may not add or remove containers")}
	}
	if len(now.InitContainers) != len(was.InitContainers) {
		return errs{field.Forbidden(specPath.Child("initContainers"), "pod updates may not add or remove containers")}
	}
	all := slices.Concat(
		mirrorKept(pod, old),
		shorterDeadline(specPath.Child("activeDeadlineSeconds"), now.ActiveDeadlineSeconds, was.ActiveDeadlineSeconds),
		moreTolerations(specPath.Child("tolerations"), now.Tolerations, was.Tolerations),
		fewerGates(specPath.Child("schedulingGates"), now.SchedulingGates, was.SchedulingGates),
	)

	// What is left is as it was: put the old values where a change is allowed, and compare.
	rest := now.DeepCopy()
	for i := range rest.Containers {
		rest.Containers[i].Image = was.Containers[i].Image
	}
	for i := range rest.InitContainers {
		rest.InitContainers[i].Image = was.InitContainers[i].Image
	}
	rest.ActiveDeadlineSeconds = was.ActiveDeadlineSeconds
	rest.Tolerations = was.Tolerations
	rest.SchedulingGates = was.SchedulingGates
	if grace := now.TerminationGracePeriodSeconds; negative(was.TerminationGracePeriodSeconds) && grace != nil && *grace == 1 {
		rest.TerminationGracePeriodSeconds = was.TerminationGracePeriodSeconds
	}
	if len(was.SchedulingGates) > 0 {
		all = append(all, narrower(rest, was)...)
	}
	if equality.Semantic.DeepEqual(rest, was) {
		return all
	}
	return append(all, field.Forbidden(specPath,
		fmt.Sprintf("pod updates may not change fields other than %s\n%v", podMayChange, diff.Diff(was, rest))))
}

// mirrorKept refuses that a pod becomes the mirror of another one, or ceases to be it: who may do what to a pod depends on that.
func mirrorKept(pod, old *v1.Pod) errs {
	now, is := pod.Annotations[v1.MirrorPodAnnotationKey]
	before, was := old.Annotations[v1.MirrorPodAnnotationKey]
	return slices.Concat(
		when(was && (!is || now != before), field.Forbidden(mirrorPath, "may not remove or update mirror pod annotation")),
		when(is && !was, field.Forbidden(mirrorPath, "may not add mirror pod annotation")),
	)
}

// negative tells a grace period of old, from before such were refused.
func negative(n *int64) bool { return n != nil && *n < 0 }

// shorterDeadline lets a deadline be set or brought forward.
func shorterDeadline(at path, now, was *int64) errs {
	switch {
	case was == nil:
		return nil
	case now == nil:
		return errs{field.Invalid(at, now, "must not update from a positive integer to nil value")}
	case *now > *was:
		return errs{field.Invalid(at, now, "must be less than or equal to previous value")}
	}
	return nil
}

// moreTolerations lets tolerations be added, and how long one lasts be changed.
func moreTolerations(at path, now, was []v1.Toleration) errs {
	for _, o := range was {
		if !slices.ContainsFunc(now, func(t v1.Toleration) bool {
			t.TolerationSeconds = o.TolerationSeconds
			return equality.Semantic.DeepEqual(t, o)
		}) {
			return errs{field.Forbidden(at, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return nil
}

// fewerGates lets gates be taken away.
func fewerGates(at path, now, was []v1.PodSchedulingGate) errs {
	return each(at, now, func(at path, g *v1.PodSchedulingGate) errs {
		return when(!slices.Contains(was, *g),
			field.Forbidden(at, "only deletion is allowed, but found new scheduling gate '"+g.Name+"'"))
	})
}

// narrower lets a pod that still waits at a gate be told more closely where to go, and puts the old words back into rest.
func narrower(rest, was *v1.PodSpec) errs {
	var all errs
	at := specPath.Child("nodeSelector")
	for k, v := range was.NodeSelector {
		if now, ok := rest.NodeSelector[k]; !ok || now != v {
			all = errs{field.Invalid(at, rest.NodeSelector,
				"only additions to spec.nodeSelector are allowed (no mutations or deletions)")}
			break
		}
	}
	rest.NodeSelector = was.NodeSelector
	all = append(all, narrowerAffinity(specPath.Child("affinity", "nodeAffinity"), nodeAffinity(rest), nodeAffinity(was))...)
	restoreNodeAffinity(rest, was)
	return all
}

// restoreNodeAffinity puts the old node affinity back into a spec. An affinity that has nothing else was not there before.
func restoreNodeAffinity(s, was *v1.PodSpec) {
	old := nodeAffinity(was)
	if s.Affinity == nil {
		if old == nil {
			return
		}
		s.Affinity = &v1.Affinity{}
	}
	s.Affinity.NodeAffinity = old
	if was.Affinity == nil && *s.Affinity == (v1.Affinity{}) {
		s.Affinity = nil
	}
}

// nodeAffinity returns what is there of it.
func nodeAffinity(s *v1.PodSpec) *v1.NodeAffinity {
	if s.Affinity == nil {
		return nil
	}
	return s.Affinity.NodeAffinity
}

// narrowerAffinity lets requirements be added to each of the terms that a node may meet; a further term would widen the choice.
func narrowerAffinity(at path, now, was *v1.NodeAffinity) errs {
	if was == nil || was.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	at = at.Child(required, "nodeSelectorTerms")
	if now == nil || now.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return errs{field.Required(at, "")}
	}
	terms := now.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	before := was.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(before) > 0 && len(terms) != len(before) {
		return errs{field.Invalid(at, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	var all errs
	for i, b := range before {
		t := terms[i]
		kept := startsWith(t.MatchExpressions, b.MatchExpressions) && startsWith(t.MatchFields, b.MatchFields)
		all = append(all, when(!kept, field.Invalid(at.Index(i), t, "only additions are allowed (no mutations or deletions)"))...)
	}
	return all
}

// startsWith tells that requirements were only added.
func startsWith(l, prefix []v1.NodeSelectorRequirement) bool {
	return len(l) >= len(prefix) && equality.Semantic.DeepEqual(l[:len(prefix):len(prefix)], prefix)
}

// UpdateEphemeralContainers says what is wrong with a change through the subresource of that name: containers can be added, and
// stay for ever.
func UpdateEphemeralContainers(pod, old *v1.Pod) field.ErrorList {
	at := specPath.Child("ephemeralContainers")
	all := apivalidation.ValidateObjectMetaUpdate(&pod.ObjectMeta, &old.ObjectMeta, metaPath)
	all = slices.Concat(all, podSpec(specPath, &pod.Spec, inPod), mirrorKept(pod, old))
	if _, mirror := old.Annotations[v1.MirrorPodAnnotationKey]; mirror {
		return append(all, field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers"))
	}
	for _, o := range old.Spec.EphemeralContainers {
		i := slices.IndexFunc(pod.Spec.EphemeralContainers, func(c v1.EphemeralContainer) bool { return c.Name == o.Name })
		switch {
		case i < 0:
			all = append(all, field.Forbidden(at, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", o.Name)))
		case !equality.Semantic.DeepEqual(pod.Spec.EphemeralContainers[i], o):
			all = append(all, field.Forbidden(at, fmt.Sprintf("existing ephemeral containers %q may not be changed\n%v", o.Name,
				diff.Diff(o, pod.Spec.EphemeralContainers[i]))))
		}
	}
	return all
}
