package source

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Annotations of static pods and of their mirrors. The names are upstream's.
const (
	AnnotationSource = "kubernetes.io/config.source" // file or api
	AnnotationHash   = "kubernetes.io/config.hash"   // of a static pod: its UID
	AnnotationMirror = "kubernetes.io/config.mirror" // of a mirror: the static pod's hash
	AnnotationSeen   = "kubernetes.io/config.seen"   // when a static pod was read
)

// The sources' names: of pods in the folder of manifests, and of those in the apiserver.
const (
	fromFile = "file"
	fromAPI  = "api"
)

// IsStatic says whether a pod is from the folder of manifests.
func IsStatic(pod *v1.Pod) bool {
	return pod.Annotations[AnnotationSource] == fromFile && !IsMirror(pod)
}

// IsMirror says whether an object only shows a static pod.
func IsMirror(pod *v1.Pod) bool {
	_, is := pod.Annotations[AnnotationMirror]
	return is
}

// UID is that of the pod which an object stands for: a mirror's is the static pod's.
func UID(object *v1.Pod) types.UID {
	if IsMirror(object) {
		return types.UID(object.Annotations[AnnotationMirror])
	}
	return object.UID
}

// key is a pod's whole name.
func key(pod *v1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}
