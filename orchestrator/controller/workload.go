package controller

import (
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

// Replicas is how many pods a workload asks for. One that does not say wants one: the apiserver's default, which an object that was
// stored by another may lack.
func Replicas(asked *int32) int32 {
	if asked == nil {
		return 1
	}
	return max(0, *asked)
}

// JobEnd is the condition with which a Job has ended, Complete or Failed; nil if it has not.
func JobEnd(job *batchv1.Job) *batchv1.JobCondition {
	for i := range job.Status.Conditions {
		c := &job.Status.Conditions[i]
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == v1.ConditionTrue {
			return c
		}
	}
	return nil
}
