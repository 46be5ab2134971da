package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestReplicas(t *testing.T) {
	require.EqualValues(t, 1, Replicas(nil))
	require.Zero(t, Replicas(ptr.To[int32](0)))
	require.Zero(t, Replicas(ptr.To[int32](-1)))
	require.EqualValues(t, 7, Replicas(ptr.To[int32](7)))
}

func TestJobEnd(t *testing.T) {
	job := &batchv1.Job{Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobSuspended, Status: v1.ConditionTrue}, {Type: batchv1.JobComplete, Status: v1.ConditionFalse},
	}}}
	require.Nil(t, JobEnd(job))
	job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: batchv1.JobFailed, Status: v1.ConditionTrue, Reason: "R"})
	require.Equal(t, "R", JobEnd(job).Reason)
}
