package cronjob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/controller"
)

// ending is the condition with which a Job has ended; empty if it has not.
func ending(j *batchv1.Job) batchv1.JobConditionType {
	if end := controller.JobEnd(j); end != nil {
		return end.Type
	}
	return ""
}

// named returns the Job of a name; nil if there is none.
func named(jobs []*batchv1.Job, name string) *batchv1.Job {
	if i := slices.IndexFunc(jobs, func(j *batchv1.Job) bool { return j.Name == name }); i >= 0 {
		return jobs[i]
	}
	return nil
}

func listed(cj *batchv1.CronJob, uid types.UID) bool {
	return slices.ContainsFunc(cj.Status.Active, func(r corev1.ObjectReference) bool { return r.UID == uid })
}

func unlist(cj *batchv1.CronJob, uid types.UID) {
	cj.Status.Active = slices.DeleteFunc(cj.Status.Active, func(r corev1.ObjectReference) bool { return r.UID == uid })
}

// review brings the list of active Jobs into line with what the Jobs are like.
func (c *Controller) review(ctx context.Context, cj *batchv1.CronJob, jobs []*batchv1.Job) error {
	for _, j := range jobs {
		how := ending(j)
		switch {
		case how == "" && !listed(cj, j.UID):
			c.recorder.Eventf(cj, corev1.EventTypeWarning, "UnexpectedJob", "Saw a job that the controller did not create or forgot: %s", j.Name)
		case how != "" && listed(cj, j.UID):
			unlist(cj, j.UID)
			c.recorder.Eventf(cj, corev1.EventTypeNormal, "SawCompletedJob", "Saw completed job: %s, condition: %v", j.Name, how)
		}
		if at := j.Status.CompletionTime; how == batchv1.JobComplete && at != nil {
			if last := cj.Status.LastSuccessfulTime; last == nil || last.Before(at) {
				cj.Status.LastSuccessfulTime = at.DeepCopy()
			}
		}
	}
	for _, ref := range slices.Clone(cj.Status.Active) {
		if slices.ContainsFunc(jobs, func(j *batchv1.Job) bool { return j.UID == ref.UID }) {
			continue
		}
		// The cache may not show yet what was made a moment ago.
		live, err := c.env.Client.BatchV1().Jobs(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("read job %s/%s: %w", ref.Namespace, ref.Name, err)
		}
		if err != nil || live.UID != ref.UID {
			c.recorder.Eventf(cj, corev1.EventTypeNormal, "MissingJob", "Active job went missing: %v", ref.Name)
			unlist(cj, ref.UID)
		}
	}
	return nil
}

// trim deletes the oldest of the Jobs that have ended, beyond as many as shall be kept.
func (c *Controller) trim(ctx context.Context, cj *batchv1.CronJob, jobs []*batchv1.Job) error {
	var errs []error
	for how, limit := range map[batchv1.JobConditionType]int{
		batchv1.JobComplete: limitOf(cj.Spec.SuccessfulJobsHistoryLimit, 3), batchv1.JobFailed: limitOf(cj.Spec.FailedJobsHistoryLimit, 1),
	} {
		ended := slices.DeleteFunc(slices.Clone(jobs), func(j *batchv1.Job) bool { return ending(j) != how })
		slices.SortFunc(ended, func(a, b *batchv1.Job) int { return startOf(a).Compare(startOf(b)) })
		for _, j := range ended[:max(0, len(ended)-limit)] {
			if j.DeletionTimestamp == nil {
				errs = append(errs, c.delete(ctx, cj, j))
			}
		}
	}
	return errors.Join(errs...)
}

func limitOf(given *int32, usual int) int {
	if given == nil {
		return usual
	}
	return int(max(0, *given))
}

func startOf(j *batchv1.Job) time.Time {
	if j.Status.StartTime == nil {
		return j.CreationTimestamp.Time
	}
	return j.Status.StartTime.Time
}

// deleteActive makes room for the next Job.
func (c *Controller) deleteActive(ctx context.Context, cj *batchv1.CronJob, jobs []*batchv1.Job) error {
	for _, j := range jobs {
		if listed(cj, j.UID) {
			if err := c.delete(ctx, cj, j); err != nil {
				return err
			}
			unlist(cj, j.UID)
		}
	}
	return nil
}

func (c *Controller) delete(ctx context.Context, cj *batchv1.CronJob, j *batchv1.Job) error {
	background := metav1.DeletePropagationBackground
	err := c.env.Client.BatchV1().Jobs(j.Namespace).Delete(ctx, j.Name, metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: metav1.NewUIDPreconditions(string(j.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		c.recorder.Eventf(cj, corev1.EventTypeWarning, "FailedDelete", "Deleted job: %v", err)
		return fmt.Errorf("delete job %s/%s: %w", j.Namespace, j.Name, err)
	}
	c.recorder.Eventf(cj, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted job %v", j.Name)
	return nil
}
