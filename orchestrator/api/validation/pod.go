package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// specPath is where all that have a spec have it.
var specPath = field.NewPath("spec")

// mirrorPath is where a pod says that it only shows one that a node runs by itself.
var mirrorPath = metaPath.Child("annotations").Key(v1.MirrorPodAnnotationKey)

// newPod refuses ephemeral containers, which only a subresource adds.
func newPod(pod *v1.Pod) errs {
	return when(len(pod.Spec.EphemeralContainers) > 0,
		field.Forbidden(specPath.Child("ephemeralContainers"), "cannot be set on create"))
}

// validPod checks a pod that is meant to run.
func validPod(pod *v1.Pod) errs {
	mirror, is := pod.Annotations[v1.MirrorPodAnnotationKey]
	return append(podSpec(specPath, &pod.Spec, inPod), when(is && pod.Spec.NodeName == "",
		field.Invalid(mirrorPath, mirror, "must set spec.nodeName if mirror pod annotation is set"))...)
}

// podTemplate checks the pods that an object makes, before there are any.
func podTemplate(at path, t *v1.PodTemplateSpec) errs {
	spec := at.Child("spec")
	return slices.Concat(
		templateMeta(at, &t.ObjectMeta),
		podSpec(spec, &t.Spec, inTemplate),
		when(len(t.Spec.EphemeralContainers) > 0,
			field.Forbidden(spec.Child("ephemeralContainers"), "ephemeral containers not allowed in pod template")),
	)
}

// templateMeta checks the labels and annotations that a pod gets from its template.
func templateMeta(at path, m *metav1.ObjectMeta) errs {
	return slices.Concat(
		metavalidation.ValidateLabels(m.Labels, at.Child("labels")),
		annotations(at.Child("annotations"), m.Annotations),
	)
}

// validPodTemplate checks a template that stands for itself.
func validPodTemplate(t *v1.PodTemplate) errs {
	return podTemplate(field.NewPath("template"), &t.Template)
}
