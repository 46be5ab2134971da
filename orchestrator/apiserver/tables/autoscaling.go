package tables

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
)

// autoscaling has scales, which are views of workloads.
func autoscaling() []printer {
	return []printer{printerOf(columns{
		nameColumn(),
		col("Desired", number, autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"]),
		col("Available", number, autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"]),
		ageColumn(),
	}, func(s *autoscalingv1.Scale, at now) []any {
		return []any{s.Name, int64(s.Spec.Replicas), int64(s.Status.Replicas), at.age(s)}
	})}
}
