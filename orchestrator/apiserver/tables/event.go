package tables

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// events are the one kind whose first column isn't the name.
func events() []printer {
	doc := v1.Event{}.SwaggerDoc()
	name := nameColumn()
	name.Priority = 1
	return []printer{printerOf(columns{
		col("Last Seen", text, doc["lastTimestamp"]),
		col("Type", text, doc["type"]),
		col("Reason", text, doc["reason"]),
		col("Object", text, doc["involvedObject"]),
		wide("Subobject", v1.ObjectReference{}.SwaggerDoc()["fieldPath"]),
		wide("Source", doc["source"]),
		col("Message", text, doc["message"]),
		wide("First Seen", doc["firstTimestamp"]),
		wide("Count", doc["count"]),
		name,
	}, func(e *v1.Event, at now) []any {
		first, last, count := seen(e)
		object := strings.ToLower(e.InvolvedObject.Kind)
		if e.InvolvedObject.Name != "" {
			object = slashed(object, e.InvolvedObject.Name)
		}
		return []any{
			at.since(last), e.Type, e.Reason, object, e.InvolvedObject.FieldPath, source(e), strings.TrimSpace(e.Message),
			at.since(first), count, e.Name,
		}
	})}
}

// seen is when an event was first and last seen, and how often: old events say it in other fields than new ones, and what was
// seen once in fewer.
func seen(e *v1.Event) (first, last metav1.Time, count int64) {
	first, last, count = e.FirstTimestamp, e.LastTimestamp, int64(e.Count)
	if first.IsZero() {
		first = metav1.Time(e.EventTime)
	}
	switch {
	case e.Series != nil:
		last, count = metav1.Time(e.Series.LastObservedTime), int64(e.Series.Count)
	case last.IsZero():
		last = first
	}
	return first, last, max(count, 1)
}

// source is who saw it, and where.
func source(e *v1.Event) string {
	component, instance := or(e.Source.Component, e.ReportingController), or(e.Source.Host, e.ReportingInstance)
	if instance == "" {
		return component
	}
	return component + ", " + instance
}
