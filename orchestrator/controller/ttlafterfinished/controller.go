package ttlafterfinished

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	batchlisters "k8s.io/client-go/listers/batch/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

const workers = 5

// Controller deletes Jobs when their time is over.
type Controller struct {
	env  *controller.Env
	jobs batchlisters.JobLister
	loop *controller.Loop
}

// New returns the controller.
func New(env *controller.Env) controller.Runner { return newController(env).loop }

func newController(env *controller.Env) *Controller {
	jobs := env.Informers.Batch().V1().Jobs()
	c := &Controller{env: env, jobs: jobs.Lister()}
	c.loop = controller.NewLoop("ttlafterfinished", workers, c.sync, jobs.Informer().HasSynced)
	seen := func(j *batchv1.Job) {
		if _, ok := expiry(j); ok {
			c.loop.Enqueue(j)
		}
	}
	controller.On[*batchv1.Job]{Add: seen, Update: func(_, j *batchv1.Job) { seen(j) }}.Watch(jobs.Informer())
	return c
}

// expiry is when a Job shall go. It is not ok for one that has not ended, has no limit, or goes already.
func expiry(j *batchv1.Job) (at time.Time, ok bool) {
	if j.Spec.TTLSecondsAfterFinished == nil || j.DeletionTimestamp != nil {
		return at, false
	}
	end := controller.JobEnd(j)
	if end == nil || end.LastTransitionTime.IsZero() {
		return at, false
	}
	return end.LastTransitionTime.Add(time.Duration(*j.Spec.TTLSecondsAfterFinished) * time.Second), true
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	cached, err := c.jobs.Jobs(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if done, err := c.wait(cached); done || err != nil {
		return err
	}
	// Somebody may have made the limit longer, and the cache not have shown it.
	live, err := c.env.Client.BatchV1().Jobs(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read job %s: %w", key, err)
	}
	if done, err := c.wait(live); done || err != nil {
		return err
	}
	foreground := metav1.DeletePropagationForeground
	err = c.env.Client.BatchV1().Jobs(namespace).Delete(ctx, name, metav1.DeleteOptions{
		PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &live.UID, ResourceVersion: &live.ResourceVersion}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete job %s: %w", key, err)
	}
	return nil
}

// wait tells that there is nothing to do about a Job, and returns when there will be, if its time is not over yet.
func (c *Controller) wait(j *batchv1.Job) (done bool, later error) {
	at, ok := expiry(j)
	if !ok {
		return true, nil
	}
	if left := at.Sub(c.env.Clock.Now()); left > 0 {
		return true, controller.Later(left)
	}
	return false, nil
}
