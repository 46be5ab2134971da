package defaults

import (
	"maps"
	"math"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

// job runs one pod until it succeeds, seven times at most.
func job(j *batchv1.Job) {
	s := &j.Spec
	if s.Parallelism == nil && s.Completions == nil {
		point(&s.Completions, 1) // with parallelism alone, the job is done when one pod is
	}
	point(&s.Parallelism, 1)
	if s.BackoffLimitPerIndex != nil {
		point(&s.BackoffLimit, math.MaxInt32)
	}
	point(&s.BackoffLimit, 6)
	point(&s.CompletionMode, batchv1.NonIndexedCompletion)
	point(&s.Suspend, false)
	point(&s.ManualSelector, false)
	if s.PodFailurePolicy != nil {
		point(&s.PodReplacementPolicy, batchv1.Failed)
	}
	point(&s.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	if len(j.Labels) == 0 && len(s.Template.Labels) > 0 {
		j.Labels = maps.Clone(s.Template.Labels)
	}
	jobPods(s)
}

// cronJob leaves the rest of its jobs open until they are made.
func cronJob(c *batchv1.CronJob) {
	set(&c.Spec.ConcurrencyPolicy, batchv1.AllowConcurrent)
	point(&c.Spec.Suspend, false)
	point(&c.Spec.SuccessfulJobsHistoryLimit, 3)
	point(&c.Spec.FailedJobsHistoryLimit, 1)
	jobPods(&c.Spec.JobTemplate.Spec)
}

// jobPods defaults what concerns the pods of a job.
func jobPods(s *batchv1.JobSpec) {
	if s.PodFailurePolicy != nil {
		for i := range s.PodFailurePolicy.Rules {
			patterns := s.PodFailurePolicy.Rules[i].OnPodConditions
			for j := range patterns {
				set(&patterns[j].Status, v1.ConditionTrue)
			}
		}
	}
	podSpec(&s.Template.Spec)
}
