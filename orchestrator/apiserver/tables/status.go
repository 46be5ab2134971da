package tables

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// statuses are the answers to requests that return no object, such as deletions.
func statuses() []printer {
	doc := metav1.Status{}.SwaggerDoc()
	return []printer{printerOf(columns{
		col("Status", text, doc["status"]), col("Reason", text, doc["reason"]), col("Message", text, doc["message"]),
	}, func(s *metav1.Status, _ now) []any {
		return []any{s.Status, string(s.Reason), s.Message}
	})}
}
