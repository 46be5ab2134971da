package job

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// setCondition puts a condition in the place of the one of its type, if it says anything new.
func setCondition(s *batchv1.JobStatus, c batchv1.JobCondition, now time.Time) {
	c.LastProbeTime, c.LastTransitionTime = metav1.NewTime(now), metav1.NewTime(now)
	for i := range s.Conditions {
		if old := &s.Conditions[i]; old.Type == c.Type {
			if old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message {
				*old = c
			}
			return
		}
	}
	s.Conditions = append(s.Conditions, c)
}
