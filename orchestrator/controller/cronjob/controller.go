package cronjob

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	"k8s.io/client-go/tools/record"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	workers = 5
	// slack is added to the wait for the next time, so that it has surely come.
	slack = 100 * time.Millisecond
)

var kind = batchv1.SchemeGroupVersion.WithKind("CronJob")

// Controller makes the Jobs of CronJobs.
type Controller struct {
	env      *controller.Env
	cronJobs batchlisters.CronJobLister
	jobs     batchlisters.JobLister
	recorder record.EventRecorder
	loop     *controller.Loop
}

// New returns the cron job controller.
func New(env *controller.Env) controller.Runner { return newController(env).loop }

func newController(env *controller.Env) *Controller {
	cronJobs, jobs := env.Informers.Batch().V1().CronJobs(), env.Informers.Batch().V1().Jobs()
	c := &Controller{env: env, cronJobs: cronJobs.Lister(), jobs: jobs.Lister(), recorder: env.Recorder("cronjob-controller")}
	c.loop = controller.NewLoop("cronjob", workers, c.sync, cronJobs.Informer().HasSynced, jobs.Informer().HasSynced)
	controller.Any(func(cj *batchv1.CronJob) { c.loop.Enqueue(cj) }).Watch(cronJobs.Informer())
	controller.Any(func(j *batchv1.Job) {
		if ref := metav1.GetControllerOf(j); ref != nil && ref.Kind == kind.Kind {
			c.loop.Add(j.Namespace + "/" + ref.Name)
		}
	}).Watch(jobs.Informer())
	return c
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	cached, err := c.cronJobs.CronJobs(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	jobs, err := c.jobsOf(cached)
	if err != nil {
		return err
	}
	cj := cached.DeepCopy()
	if err := c.review(ctx, cj, jobs); err != nil {
		return err
	}
	failed := c.trim(ctx, cj, jobs)
	wait, err := c.start(ctx, cj, jobs)
	failed = errors.Join(failed, err)
	if !equality.Semantic.DeepEqual(cached.Status, cj.Status) {
		if _, err := c.env.Client.BatchV1().CronJobs(namespace).UpdateStatus(ctx, cj, metav1.UpdateOptions{}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("status of cron job %s: %w", key, err))
		}
	}
	switch {
	case wait == 0:
		return failed
	case failed == nil:
		return controller.Later(wait + slack)
	}
	c.loop.AddAfter(key, wait+slack) // what failed is tried again; the next time must not wait for that
	return failed
}

func (c *Controller) jobsOf(cj *batchv1.CronJob) (own []*batchv1.Job, err error) {
	all, err := c.jobs.Jobs(cj.Namespace).List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("jobs of cron job %s/%s: %w", cj.Namespace, cj.Name, err)
	}
	for _, j := range all {
		if metav1.IsControlledBy(j, cj) {
			own = append(own, j)
		}
	}
	return own, nil
}

// start makes the Job that is due, if any. It returns how long it is until the next one.
func (c *Controller) start(ctx context.Context, cj *batchv1.CronJob, jobs []*batchv1.Job) (time.Duration, error) {
	if cj.DeletionTimestamp != nil {
		return 0, nil
	}
	if zone := cj.Spec.TimeZone; zone != nil {
		if _, err := time.LoadLocation(*zone); err != nil {
			c.recorder.Eventf(cj, corev1.EventTypeWarning, "UnknownTimeZone", "invalid timeZone: %q: %s", *zone, err)
			return 0, nil
		}
	}
	if cj.Spec.Suspend != nil && *cj.Spec.Suspend {
		return 0, nil
	}
	s, err := parse(cj.Spec.Schedule, cj.Spec.TimeZone)
	if err != nil {
		c.recorder.Eventf(cj, corev1.EventTypeWarning, "UnparseableSchedule", "unparseable schedule: %q : %s", cj.Spec.Schedule, err)
		return 0, nil
	}
	now := c.env.Clock.Now()
	var wait time.Duration
	if next := s.Next(now); !next.IsZero() {
		wait = next.Sub(now)
	}
	d := dueOf(cj, s, now)
	if d.tooMany {
		c.recorder.Event(cj, corev1.EventTypeWarning, "TooManyMissedTimes",
			"too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")
	}
	if d.latest.IsZero() {
		return wait, nil
	}
	if made := named(jobs, jobName(cj, d.latest)); made != nil { // by a sync that could not write the status any more
		note(cj, made, d.latest)
		return wait, nil
	}
	if len(cj.Status.Active) > 0 {
		switch cj.Spec.ConcurrencyPolicy {
		case batchv1.ForbidConcurrent:
			c.recorder.Event(cj, corev1.EventTypeNormal, "JobAlreadyActive",
				"Not starting job because prior execution is running and concurrency policy is Forbid")
			return wait, nil
		case batchv1.ReplaceConcurrent:
			if err := c.deleteActive(ctx, cj, jobs); err != nil {
				return wait, err
			}
		}
	}
	return wait, c.create(ctx, cj, d.latest)
}

// create makes the Job for one time. If another process has made it meanwhile, that is as good.
func (c *Controller) create(ctx context.Context, cj *batchv1.CronJob, at time.Time) error {
	job, err := c.env.Client.BatchV1().Jobs(cj.Namespace).Create(ctx, jobFor(cj, at), metav1.CreateOptions{})
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsAlreadyExists(err):
		job, err = c.env.Client.BatchV1().Jobs(cj.Namespace).Get(ctx, jobName(cj, at), metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read job: %w", err)
		}
		if !metav1.IsControlledBy(job, cj) {
			err := fmt.Errorf("job %s belongs to somebody else", job.Name)
			c.recorder.Eventf(cj, corev1.EventTypeWarning, "FailedCreate", "Error creating job: %v", err)
			return err
		}
	case err != nil:
		c.recorder.Eventf(cj, corev1.EventTypeWarning, "FailedCreate", "Error creating job: %v", err)
		return fmt.Errorf("create job for cron job %s/%s: %w", cj.Namespace, cj.Name, err)
	default:
		c.recorder.Eventf(cj, corev1.EventTypeNormal, "SuccessfulCreate", "Created job %v", job.Name)
	}
	note(cj, job, at)
	return nil
}

// note writes into the status that the Job for one time was made.
func note(cj *batchv1.CronJob, job *batchv1.Job, at time.Time) {
	if !listed(cj, job.UID) && ending(job) == "" {
		cj.Status.Active = append(cj.Status.Active, corev1.ObjectReference{
			APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job",
			Namespace: job.Namespace, Name: job.Name, UID: job.UID, ResourceVersion: job.ResourceVersion,
		})
	}
	cj.Status.LastScheduleTime = &metav1.Time{Time: at}
}
