package job

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/petcd/petcd/orchestrator/controller"
)

// tally is what the pods of a Job amount to, together with what its status remembers of pods that may be gone.
type tally struct {
	job  *batchv1.Job
	pods []*corev1.Pod

	active      []*corev1.Pod
	made        int // in this sync: they are not among the pods yet
	terminating int
	ready       int32

	// These have ended and have the finalizer, but their UID is not in the status yet.
	newSucceeded, newFailed []*corev1.Pod
	ignored                 []*corev1.Pod // failures that the policy does not count

	succeeded, failed int32 // in all
	done              intervals
	failJob           string // why the failure policy ends the Job
}

// count looks at all pods of a Job.
func (c *Controller) count(job *batchv1.Job, pods []*corev1.Pod) *tally {
	t := &tally{job: job, pods: pods, succeeded: job.Status.Succeeded, failed: job.Status.Failed}
	if indexed(job) {
		t.done = parseIntervals(job.Status.CompletedIndexes, completions(job))
	}
	known := sets.New[types.UID]()
	if u := job.Status.UncountedTerminatedPods; u != nil {
		known.Insert(u.Succeeded...).Insert(u.Failed...)
		t.succeeded += int32(len(u.Succeeded))
		t.failed += int32(len(u.Failed))
	}
	for _, p := range pods {
		if controller.Active(p) {
			t.active = append(t.active, p)
			if controller.Ready(p) {
				t.ready++
			}
		} else if !controller.Ended(p) {
			t.terminating++
		}
		if !known.Has(p.UID) && c.tracked(p) {
			t.add(p)
		}
	}
	if indexed(job) {
		t.succeeded = int32(len(t.done))
	}
	return t
}

// add counts a pod for the first time, if it has ended.
func (t *tally) add(p *corev1.Pod) {
	switch {
	case p.Status.Phase == corev1.PodSucceeded:
		t.newSucceeded = append(t.newSucceeded, p)
		t.succeeded++
		if i := indexOf(p); indexed(t.job) && i >= 0 && i < completions(t.job) {
			t.done = t.done.with(i)
		}
	case failed(t.job, p):
		action, why := judge(t.job.Spec.PodFailurePolicy, p)
		if action == batchv1.PodFailurePolicyActionIgnore {
			t.ignored = append(t.ignored, p)
			return
		}
		if action == batchv1.PodFailurePolicyActionFailJob && t.failJob == "" {
			t.failJob = why
		}
		t.newFailed = append(t.newFailed, p)
		t.failed++
	}
}

// failed tells that a pod counts as a failure. One that is being deleted does too, so that a pod whose node is gone is replaced,
// unless the Job wants replacements only for pods that have ended.
func failed(job *batchv1.Job, p *corev1.Pod) bool {
	if p.Status.Phase == corev1.PodFailed {
		return true
	}
	return p.DeletionTimestamp != nil && (!waitsForEnd(job) || isTrue(job.Status.Conditions, batchv1.JobFailureTarget))
}

// waitsForEnd tells that a pod is replaced only when it has ended, not as soon as it is being deleted.
func waitsForEnd(job *batchv1.Job) bool {
	if p := job.Spec.PodReplacementPolicy; p != nil {
		return *p == batchv1.Failed
	}
	return job.Spec.PodFailurePolicy != nil
}

// verdict is the condition for which a Job shall end; nil if it goes on.
func (t *tally) verdict(now time.Time) *batchv1.JobCondition {
	for i := range t.job.Status.Conditions { // it was decided earlier
		c := &t.job.Status.Conditions[i]
		if (c.Type == batchv1.JobFailureTarget || c.Type == batchv1.JobSuccessCriteriaMet) && c.Status == corev1.ConditionTrue {
			return c.DeepCopy()
		}
	}
	switch {
	case t.job.Spec.BackoffLimitPerIndex != nil:
		return failure("NotSupported", "spec.backoffLimitPerIndex is not supported")
	case t.job.Spec.SuccessPolicy != nil:
		return failure("NotSupported", "spec.successPolicy is not supported")
	case t.failJob != "":
		return failure(batchv1.JobReasonPodFailurePolicy, t.failJob)
	case t.failed > backoffLimit(t.job) || t.restartsPastLimit():
		return failure(batchv1.JobReasonBackoffLimitExceeded, "Job has reached the specified backoff limit")
	case pastDeadline(t.job, now):
		return failure(batchv1.JobReasonDeadlineExceeded, "Job was active longer than specified deadline")
	case t.complete():
		return &batchv1.JobCondition{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue,
			Reason: batchv1.JobReasonCompletionsReached, Message: "Reached expected number of succeeded pods"}
	}
	return nil
}

func failure(reason, message string) *batchv1.JobCondition {
	return &batchv1.JobCondition{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message}
}

// complete tells that enough pods have succeeded. Without a number of completions one success says that the work is done, once
// no pod is left that works on it.
func (t *tally) complete() bool {
	if t.job.Spec.Completions == nil {
		return t.succeeded > 0 && len(t.active) == 0
	}
	return t.succeeded >= *t.job.Spec.Completions
}

// restartsPastLimit counts the restarts of containers where failed pods are not replaced but restarted in place.
func (t *tally) restartsPastLimit() bool {
	if t.job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		return false
	}
	var restarts int32
	for _, p := range t.active {
		for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
			for i := range statuses {
				restarts += statuses[i].RestartCount
			}
		}
	}
	limit := backoffLimit(t.job)
	return restarts > 0 && restarts >= limit
}

// want is how many pods shall be active.
func (t *tally) want() int {
	job := t.job
	if job.Spec.Suspend != nil && *job.Spec.Suspend {
		return 0
	}
	n := 1
	if job.Spec.Parallelism != nil {
		n = int(*job.Spec.Parallelism)
	}
	switch {
	case job.Spec.Completions != nil:
		n = min(n, int(*job.Spec.Completions-t.succeeded))
	case t.succeeded > 0:
		n = min(n, len(t.active)) // the work is nearly done: no new hands
	}
	return max(0, n)
}

// backoffLimit is how many pods may fail.
func backoffLimit(job *batchv1.Job) int32 {
	if job.Spec.BackoffLimit == nil {
		return 6
	}
	return *job.Spec.BackoffLimit
}

func pastDeadline(job *batchv1.Job, now time.Time) bool {
	return deadline(job) != nil && !now.Before(*deadline(job))
}

func untilDeadline(job *batchv1.Job, now time.Time) time.Duration {
	if at := deadline(job); at != nil {
		return at.Sub(now)
	}
	return 0
}

// deadline is when a Job must have ended; nil if it may take its time, or is suspended.
func deadline(job *batchv1.Job) *time.Time {
	suspended := job.Spec.Suspend != nil && *job.Spec.Suspend
	if job.Spec.ActiveDeadlineSeconds == nil || job.Status.StartTime == nil || suspended {
		return nil
	}
	at := job.Status.StartTime.Add(time.Duration(*job.Spec.ActiveDeadlineSeconds) * time.Second)
	return &at
}

func isTrue(conditions []batchv1.JobCondition, typ batchv1.JobConditionType) bool {
	return slices.ContainsFunc(conditions, func(c batchv1.JobCondition) bool { return c.Type == typ && c.Status == corev1.ConditionTrue })
}
