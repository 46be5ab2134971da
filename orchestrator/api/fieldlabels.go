package api

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fieldLabels are the fields that a field selector may name, for each kind, beside metadata.name and metadata.namespace.
var fieldLabels = map[schema.GroupVersionKind]map[string]func(runtime.Object) string{
	corev1.SchemeGroupVersion.WithKind("Pod"): {
		"spec.nodeName":            func(o runtime.Object) string { return o.(*corev1.Pod).Spec.NodeName },
		"spec.restartPolicy":       func(o runtime.Object) string { return string(o.(*corev1.Pod).Spec.RestartPolicy) },
		"spec.schedulerName":       func(o runtime.Object) string { return o.(*corev1.Pod).Spec.SchedulerName },
		"spec.serviceAccountName":  func(o runtime.Object) string { return o.(*corev1.Pod).Spec.ServiceAccountName },
		"spec.hostNetwork":         func(o runtime.Object) string { return strconv.FormatBool(o.(*corev1.Pod).Spec.HostNetwork) },
		"status.phase":             func(o runtime.Object) string { return string(o.(*corev1.Pod).Status.Phase) },
		"status.podIP":             func(o runtime.Object) string { return o.(*corev1.Pod).Status.PodIP },
		"status.nominatedNodeName": func(o runtime.Object) string { return o.(*corev1.Pod).Status.NominatedNodeName },
	},
	corev1.SchemeGroupVersion.WithKind("Node"): {
		"spec.unschedulable": func(o runtime.Object) string { return strconv.FormatBool(o.(*corev1.Node).Spec.Unschedulable) },
	},
	corev1.SchemeGroupVersion.WithKind("Namespace"): {
		"status.phase": func(o runtime.Object) string { return string(o.(*corev1.Namespace).Status.Phase) },
	},
	corev1.SchemeGroupVersion.WithKind("Secret"): {
		"type": func(o runtime.Object) string { return string(o.(*corev1.Secret).Type) },
	},
	corev1.SchemeGroupVersion.WithKind("Service"): {
		"spec.clusterIP": func(o runtime.Object) string { return o.(*corev1.Service).Spec.ClusterIP },
		"spec.type":      func(o runtime.Object) string { return string(o.(*corev1.Service).Spec.Type) },
	},
	corev1.SchemeGroupVersion.WithKind("ReplicationController"): {
		"status.replicas": func(o runtime.Object) string { return itoa(o.(*corev1.ReplicationController).Status.Replicas) },
	},
	corev1.SchemeGroupVersion.WithKind("Event"): {
		"involvedObject.kind":            func(o runtime.Object) string { return o.(*corev1.Event).InvolvedObject.Kind },
		"involvedObject.namespace":       func(o runtime.Object) string { return o.(*corev1.Event).InvolvedObject.Namespace },
		"involvedObject.name":            func(o runtime.Object) string { return o.(*corev1.Event).InvolvedObject.Name },
		"involvedObject.uid":             func(o runtime.Object) string { return string(o.(*corev1.Event).InvolvedObject.UID) },
		"involvedObject.apiVersion":      func(o runtime.Object) string { return o.(*corev1.Event).InvolvedObject.APIVersion },
		"involvedObject.resourceVersion": func(o runtime.Object) string { return o.(*corev1.Event).InvolvedObject.ResourceVersion },
		"involvedObject.fieldPath":       func(o runtime.Object) string { return o.(*corev1.Event).InvolvedObject.FieldPath },
		"reason":                         func(o runtime.Object) string { return o.(*corev1.Event).Reason },
		"reportingComponent":             func(o runtime.Object) string { return o.(*corev1.Event).ReportingController },
		"source":                         func(o runtime.Object) string { return eventSource(o.(*corev1.Event)) },
		"type":                           func(o runtime.Object) string { return o.(*corev1.Event).Type },
	},
	appsv1.SchemeGroupVersion.WithKind("ReplicaSet"): {
		"status.replicas": func(o runtime.Object) string { return itoa(o.(*appsv1.ReplicaSet).Status.Replicas) },
	},
	batchv1.SchemeGroupVersion.WithKind("Job"): {
		"status.successful": func(o runtime.Object) string { return itoa(o.(*batchv1.Job).Status.Succeeded) },
	},
	certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"): {
		"spec.signerName": func(o runtime.Object) string { return o.(*certificatesv1.CertificateSigningRequest).Spec.SignerName },
	},
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }

func eventSource(e *corev1.Event) string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

// Fields are an object's values for field selectors, without its name and namespace.
func Fields(kind schema.GroupVersionKind, obj runtime.Object) fields.Set {
	of := fieldLabels[kind]
	set := make(fields.Set, len(of)+2) // the caller adds name and namespace
	for label, value := range of {
		set[label] = value(obj)
	}
	return set
}

// addFieldLabels lets selectors name these fields, and refuses others.
func addFieldLabels(s *runtime.Scheme) error {
	for _, g := range groups {
		for kind := range s.KnownTypes(g.version) {
			gvk := g.version.WithKind(kind)
			known := fieldLabels[gvk]
			err := s.AddFieldLabelConversionFunc(gvk, func(label, value string) (string, string, error) {
				if label == "spec.host" && kind == "Pod" {
					label = "spec.nodeName" // its name of long ago, which old clients send
				}
				if _, ok := known[label]; ok || label == "metadata.name" || label == "metadata.namespace" {
					return label, value, nil
				}
				return "", "", fmt.Errorf("%q is not a known field selector: only %q", label, labelNames(known))
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// labelNames are the fields that a kind's selectors may name, in order.
func labelNames(known map[string]func(runtime.Object) string) []string {
	names := append(slices.Sorted(maps.Keys(known)), "metadata.name", "metadata.namespace")
	slices.Sort(names)
	return names
}
