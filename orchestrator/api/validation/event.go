package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// How long what an event says may be.
const (
	maxEventWord = 128
	maxEventNote = 1024
)

// validEvent checks where an event lies, and of those that have a time of their own who reports what.
func validEvent(e *v1.Event) errs {
	all := eventNamespace(e)
	if e.EventTime.IsZero() {
		return all // written by a client of old, of which nothing more was ever asked
	}
	reporter := field.NewPath("reportingComponent")
	return slices.Concat(all,
		needValid(reporter, e.ReportingController, validation.IsQualifiedName),
		eventWord("reportingInstance", e.ReportingInstance),
		eventWord("action", e.Action),
		eventWord("reason", e.Reason),
		when(len(e.Message) > maxEventNote, field.TooLong(field.NewPath("message"), "", maxEventNote)),
	)
}

// eventNamespace asks that an event lies beside the object that it is about; one about the cluster's objects lies in default.
func eventNamespace(e *v1.Event) errs {
	about := e.InvolvedObject.Namespace
	elsewhere := e.Namespace != about
	if about == "" {
		elsewhere = e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem
	}
	return when(elsewhere, field.Invalid(field.NewPath("involvedObject", "namespace"), about, "does not match event.namespace"))
}

// eventWord asks for one of the short texts that make an event.
func eventWord(name, s string) errs {
	at := field.NewPath(name)
	return append(need(at, s), when(len(s) > maxEventWord, field.TooLong(at, "", maxEventWord))...)
}
