package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/runtime"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	workers = 5
	// jobIndex is the pod informer's index by "namespace/name" of the Job that owns a pod, or did before another took its name.
	jobIndex = "petcd.job"
)

var kind = batchv1.SchemeGroupVersion.WithKind("Job")

// Controller runs the pods of Jobs.
type Controller struct {
	env      *controller.Env
	jobs     batchlisters.JobLister
	byJob    cache.Indexer
	pods     controller.Pods
	recorder record.EventRecorder
	loop     *controller.Loop
	expected *controller.Expectations
	released releasedPods
	written  versions
}

// New returns the job controller.
func New(env *controller.Env) controller.Runner { return newController(env).loop }

func newController(env *controller.Env) *Controller {
	jobs, pods := env.Informers.Batch().V1().Jobs(), env.Informers.Core().V1().Pods().Informer()
	recorder := env.Recorder("job-controller")
	c := &Controller{
		env: env, jobs: jobs.Lister(), byJob: pods.GetIndexer(), recorder: recorder,
		pods: controller.Pods{Client: env.Client, Recorder: recorder},
	}
	c.loop = controller.NewLoop("job", workers, c.sync, jobs.Informer().HasSynced, pods.HasSynced)
	c.expected = controller.NewExpectations(env.Clock, c.loop)
	controller.Any(func(j *batchv1.Job) { c.loop.Enqueue(j) }).Watch(jobs.Informer())
	if err := pods.AddIndexers(cache.Indexers{jobIndex: func(obj any) ([]string, error) {
		if key := keyOf(obj); key != "" {
			return []string{key}, nil
		}
		return nil, nil
	}}); err != nil {
		runtime.HandleError(fmt.Errorf("job: index pods: %w", err)) // the informer has stopped: so does the process
	}
	controller.On[*corev1.Pod]{Add: c.podAdded, Update: func(_, p *corev1.Pod) { c.podChanged(p) }, Delete: c.podGone}.Watch(pods)
	return c
}

func (c *Controller) podAdded(p *corev1.Pod) {
	if key := keyOf(p); key != "" {
		c.expected.Created(key)
		c.loop.Add(key)
	}
}

func (c *Controller) podChanged(p *corev1.Pod) {
	if !hasFinalizer(p) {
		c.released.forget(p.UID)
	}
	key := keyOf(p)
	if key == "" {
		return
	}
	if p.DeletionTimestamp != nil {
		c.expected.Deleted(key, p.UID)
	}
	c.loop.Add(key)
}

func (c *Controller) podGone(p *corev1.Pod) {
	c.released.forget(p.UID)
	if key := keyOf(p); key != "" {
		c.expected.Deleted(key, p.UID)
		c.loop.Add(key)
	}
}

// keyOf is the key of the Job that owns a pod; empty if it is none.
func keyOf(obj any) string {
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return ""
	}
	if ref := metav1.GetControllerOf(p); ref != nil && ref.Kind == kind.Kind && ref.APIVersion == batchv1.SchemeGroupVersion.String() {
		return p.Namespace + "/" + ref.Name
	}
	return ""
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	settled := c.expected.Satisfied(key)
	cached, err := c.jobs.Jobs(namespace).Get(name)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if cached == nil || apierrors.IsNotFound(err) {
		c.expected.Forget(key)
		c.written.forget(key)
		cached = &batchv1.Job{}
	}
	own, others, err := c.podsOf(key, cached)
	if err != nil {
		return err
	}
	if err := c.releaseOrphans(ctx, namespace, name, others); err != nil {
		return err
	}
	switch by := cached.Spec.ManagedBy; {
	case cached.Name == "" || (by != nil && *by != batchv1.JobControllerName):
		return nil
	case controller.JobEnd(cached) != nil:
		// A pod that was shown late still runs, and nobody would ever end it.
		active := slices.DeleteFunc(slices.Clone(own), func(p *corev1.Pod) bool { return !controller.Active(p) })
		return errors.Join(c.deleteAll(ctx, cached, active), c.release(ctx, own))
	case cached.DeletionTimestamp != nil:
		return c.release(ctx, own)
	case c.written.after(key, cached.ResourceVersion):
		return nil // what we wrote last is still to be shown, and that will bring us here again
	}
	return c.run(ctx, key, cached, own, settled)
}

// releaseOrphans lets pods go whose Job is gone. Only the apiserver knows that: the cache of pods may be ahead of that of Jobs, and
// a pod that is let go too early is never counted.
func (c *Controller) releaseOrphans(ctx context.Context, namespace, name string, pods []*corev1.Pod) error {
	pods = slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return !c.tracked(p) })
	if len(pods) == 0 {
		return nil
	}
	live, err := c.env.Client.BatchV1().Jobs(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return c.release(ctx, pods)
	case err != nil:
		return fmt.Errorf("read job %s/%s: %w", namespace, name, err)
	}
	return c.release(ctx, slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return metav1.IsControlledBy(p, live) }))
}

// podsOf returns the pods of a Job, and those of another Job that had its name.
func (c *Controller) podsOf(key string, job *batchv1.Job) (own, others []*corev1.Pod, err error) {
	objs, err := c.byJob.ByIndex(jobIndex, key)
	if err != nil {
		return nil, nil, fmt.Errorf("pods of %s: %w", key, err)
	}
	for _, obj := range objs {
		if p, ok := obj.(*corev1.Pod); ok && metav1.IsControlledBy(p, job) {
			own = append(own, p)
		} else if ok {
			others = append(others, p)
		}
	}
	slices.SortFunc(own, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return own, others, nil
}

// run brings a Job that has not finished forward by one step. Unless it is settled, own lacks pods that were made, so that nothing
// may follow from one that is missing.
func (c *Controller) run(ctx context.Context, key string, cached *batchv1.Job, own []*corev1.Pod, settled bool) error {
	job, now := cached.DeepCopy(), c.env.Clock.Now()
	c.start(job, now)
	t := c.count(job, own)
	end := t.verdict(now)
	var later time.Duration
	var err error
	if end != nil {
		err = c.deleteAll(ctx, job, t.active)
	} else if settled {
		later, err = c.manage(ctx, key, job, t, now)
	}
	if end != nil {
		setCondition(&job.Status, *end, now)
	}
	// Also after an error: what has ended is counted, and the error, most likely of a quota, may last.
	if err2 := c.settle(ctx, cached, job, t); err2 != nil {
		return err2
	}
	if err != nil {
		return err
	}
	if end != nil && settled && len(t.active) == 0 && t.terminating == 0 && !slices.ContainsFunc(own, c.tracked) {
		return c.finish(ctx, job, end, now)
	}
	if left := untilDeadline(job, now); left > 0 && (later == 0 || left < later) {
		later = left
	}
	if later > 0 {
		return controller.Later(later)
	}
	return nil
}

// start notes since when a Job runs, or that it is suspended.
func (c *Controller) start(job *batchv1.Job, now time.Time) {
	suspended := job.Spec.Suspend != nil && *job.Spec.Suspend
	was := isTrue(job.Status.Conditions, batchv1.JobSuspended)
	switch {
	case suspended && !was:
		job.Status.StartTime = nil
		setCondition(&job.Status, batchv1.JobCondition{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue,
			Reason: "JobSuspended", Message: "Job suspended"}, now)
		c.recorder.Event(job, corev1.EventTypeNormal, "Suspended", "Job suspended")
	case !suspended && was:
		setCondition(&job.Status, batchv1.JobCondition{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse,
			Reason: "JobResumed", Message: "Job resumed"}, now)
		c.recorder.Event(job, corev1.EventTypeNormal, "Resumed", "Job resumed")
	}
	if !suspended && job.Status.StartTime == nil {
		job.Status.StartTime = &metav1.Time{Time: now}
	}
}

// finish ends a Job for the reason that its pods were ended for.
func (c *Controller) finish(ctx context.Context, job *batchv1.Job, why *batchv1.JobCondition, now time.Time) error {
	before := job.DeepCopy()
	last := *why
	last.Type = batchv1.JobFailed
	if why.Type == batchv1.JobSuccessCriteriaMet {
		last.Type = batchv1.JobComplete
		job.Status.CompletionTime = &metav1.Time{Time: now}
	}
	setCondition(&job.Status, last, now)
	if err := c.write(ctx, before, job); err != nil {
		return err
	}
	if last.Type == batchv1.JobComplete {
		c.recorder.Event(job, corev1.EventTypeNormal, "Completed", "Job completed")
	} else {
		c.recorder.Event(job, corev1.EventTypeWarning, last.Reason, last.Message)
	}
	return nil
}

// write sends a status if it differs from what it was. job becomes what is stored.
func (c *Controller) write(ctx context.Context, before, job *batchv1.Job) error {
	if equality.Semantic.DeepEqual(before.Status, job.Status) {
		return nil
	}
	stored, err := c.env.Client.BatchV1().Jobs(job.Namespace).UpdateStatus(ctx, job, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("status of job %s/%s: %w", job.Namespace, job.Name, err)
	}
	job.ResourceVersion = stored.ResourceVersion
	c.written.set(job.Namespace+"/"+job.Name, stored.ResourceVersion)
	return nil
}
