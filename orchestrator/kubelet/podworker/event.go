package podworker

import (
	v1 "k8s.io/api/core/v1"
)

// event records an event about a pod, or about one of its containers.
func (m *Manager) event(pod *v1.Pod, l *launch, kind, reason, message string) {
	if m.o.Recorder == nil {
		return
	}
	about := &v1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
	}
	if l != nil {
		about.FieldPath = "spec." + l.kind + "{" + l.spec.Name + "}"
	}
	m.o.Recorder.Event(about, kind, reason, message)
}
