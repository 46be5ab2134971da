package job

import (
	"context"
	"errors"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/petcd/petcd/orchestrator/controller"
)

// maxPerSync bounds the pods that one sync creates.
const maxPerSync = 500

// manage creates and deletes pods so that as many are active as shall be. It returns when to look again, if time alone decides.
func (c *Controller) manage(ctx context.Context, key string, job *batchv1.Job, t *tally, now time.Time) (time.Duration, error) {
	want, surplus := t.want(), t.surplus()
	if excess := len(t.active) - len(surplus) - want; excess > 0 {
		surplus = append(surplus, leastWorked(t.active, surplus)[:excess]...)
	}
	if len(surplus) > 0 {
		return 0, c.deleteUncounted(ctx, key, job, t, surplus)
	}
	missing := want - len(t.active)
	if waitsForEnd(job) {
		missing -= t.terminating
	}
	missing = min(missing, maxPerSync)
	if missing <= 0 {
		return 0, nil
	}
	if wait := backoff(t.pods, now); wait > 0 {
		return wait, nil
	}
	return 0, c.create(ctx, key, job, t, missing)
}

// create makes n pods, of the lowest free indexes where they have any.
func (c *Controller) create(ctx context.Context, key string, job *batchv1.Job, t *tally, n int) error {
	pods := make(chan *corev1.Pod, n)
	if indexed(job) {
		free := t.freeIndexes(n)
		n = len(free)
		for _, i := range free {
			pods <- indexedPod(job, i)
		}
	} else {
		for range n {
			pods <- podOf(job)
		}
	}
	c.expected.ExpectCreations(key, n)
	made, err := controller.SlowStart(n, func() error {
		_, err := c.pods.CreatePod(ctx, job, <-pods)
		return err
	})
	for range n - made { // failed, or not tried after a failure
		c.expected.Created(key)
	}
	t.made = made
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the Job goes with its namespace
	}
	return err
}

// deleteUncounted deletes active pods that are too many. That is no failure of theirs: they lose the finalizer first.
func (c *Controller) deleteUncounted(ctx context.Context, key string, job *batchv1.Job, t *tally, pods []*corev1.Pod) error {
	var errs []error
	for _, p := range pods {
		if err := c.release(ctx, []*corev1.Pod{p}); err != nil {
			errs = append(errs, err)
			continue
		}
		c.expected.ExpectDeletion(key, p.UID)
		deleted, err := c.pods.Delete(ctx, job, p)
		if !deleted {
			c.expected.Deleted(key, p.UID)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.active = slices.DeleteFunc(slices.Clone(t.active), func(a *corev1.Pod) bool { return a.UID == p.UID })
		t.terminating++
	}
	return errors.Join(errs...)
}

// deleteAll deletes the pods that are active when a Job ends. They count as failures when they are seen to go.
func (c *Controller) deleteAll(ctx context.Context, job *batchv1.Job, pods []*corev1.Pod) error {
	var errs []error
	for _, p := range pods {
		_, err := c.pods.Delete(ctx, job, p)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// leastWorked orders active pods so that those come first whose loss costs least: not yet placed, not yet ready, the youngest.
func leastWorked(active, without []*corev1.Pod) []*corev1.Pod {
	pods := slices.DeleteFunc(slices.Clone(active), func(p *corev1.Pod) bool { return slices.Contains(without, p) })
	rank := func(p *corev1.Pod) int {
		switch {
		case p.Spec.NodeName == "":
			return 0
		case p.Status.Phase != corev1.PodRunning:
			return 1
		case !controller.Ready(p):
			return 2
		}
		return 3
	}
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		if ra, rb := rank(a), rank(b); ra != rb {
			return ra - rb
		}
		return b.CreationTimestamp.Compare(a.CreationTimestamp.Time)
	})
	return pods
}

const (
	firstBackoff = 10 * time.Second
	maxBackoff   = 6 * time.Minute
)

// backoff is how long to wait before the next pod: 10 seconds after a failure, twice that after each further one, until a pod
// succeeds.
func backoff(pods []*corev1.Pod, now time.Time) time.Duration {
	var lastSuccess, lastFailure time.Time
	for _, p := range pods {
		if at := endOf(p); p.Status.Phase == corev1.PodSucceeded && at.After(lastSuccess) {
			lastSuccess = at
		}
	}
	failures := 0
	for _, p := range pods {
		if at := endOf(p); p.Status.Phase == corev1.PodFailed && at.After(lastSuccess) {
			failures++
			if at.After(lastFailure) {
				lastFailure = at
			}
		}
	}
	if failures == 0 {
		return 0
	}
	delay := maxBackoff
	if failures < 7 { // the seventh would be 640 seconds
		delay = min(maxBackoff, firstBackoff<<(failures-1))
	}
	return max(0, lastFailure.Add(delay).Sub(now))
}

// endOf is when the last container of a pod ended; if no container says so, when the pod was created or deleted.
func endOf(p *corev1.Pod) time.Time {
	at := p.CreationTimestamp.Time
	if p.DeletionTimestamp != nil {
		at = p.DeletionTimestamp.Time
	}
	var last time.Time
	for i := range p.Status.ContainerStatuses {
		if end := p.Status.ContainerStatuses[i].State.Terminated; end != nil && end.FinishedAt.After(last) {
			last = end.FinishedAt.Time
		}
	}
	if last.IsZero() {
		return at
	}
	return last
}
