package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
)

// maxUncounted bounds the UIDs in a status: each is 36 bytes that every watcher gets.
const maxUncounted = 500

// settle counts the pods that have ended, in the three steps of the package's description, and writes the status.
func (c *Controller) settle(ctx context.Context, cached, job *batchv1.Job, t *tally) error {
	s := &job.Status
	u := s.UncountedTerminatedPods
	if u == nil {
		u = &batchv1.UncountedTerminatedPods{}
		s.UncountedTerminatedPods = u
	}
	s.Active, s.Ready, s.Terminating = int32(len(t.active)+t.made), ptr.To(t.ready), ptr.To(int32(t.terminating))
	if indexed(job) {
		s.CompletedIndexes, s.Succeeded = t.done.String(), t.succeeded
	}
	c.cross(u, s, t.pods) // where an earlier sync did not get to the end

	let := slices.Clone(t.ignored)
	for _, p := range t.newSucceeded {
		if indexed(job) { // that its index is complete is written already
			let = append(let, p)
		} else if len(u.Succeeded)+len(u.Failed) < maxUncounted {
			u.Succeeded = append(u.Succeeded, p.UID)
		}
	}
	for _, p := range t.newFailed {
		if len(u.Succeeded)+len(u.Failed) < maxUncounted {
			u.Failed = append(u.Failed, p.UID)
		}
	}
	if err := c.write(ctx, cached, job); err != nil {
		return err
	}
	uncounted := sets.New(u.Succeeded...).Insert(u.Failed...)
	for _, p := range t.pods {
		if uncounted.Has(p.UID) {
			let = append(let, p)
		}
	}
	failed := c.release(ctx, let)
	before := job.DeepCopy()
	c.cross(u, s, t.pods)
	return errors.Join(failed, c.write(ctx, before, job))
}

// cross turns the UIDs of pods that have no finalizer any more into numbers.
func (c *Controller) cross(u *batchv1.UncountedTerminatedPods, s *batchv1.JobStatus, pods []*corev1.Pod) {
	tracked := sets.New[types.UID]()
	for _, p := range pods {
		if c.tracked(p) {
			tracked.Insert(p.UID)
		}
	}
	cross := func(uids []types.UID, counter *int32) []types.UID {
		left := slices.DeleteFunc(uids, func(uid types.UID) bool { return !tracked.Has(uid) })
		*counter += int32(len(uids) - len(left))
		return left
	}
	u.Succeeded = cross(slices.Clone(u.Succeeded), &s.Succeeded)
	u.Failed = cross(slices.Clone(u.Failed), &s.Failed)
}

// releasedPods are those whose finalizer was taken off, as long as the informer doesn't show it.
type releasedPods struct {
	mu   sync.Mutex
	uids sets.Set[types.UID]
}

func (r *releasedPods) add(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uids == nil {
		r.uids = sets.New[types.UID]()
	}
	r.uids.Insert(uid)
}

func (r *releasedPods) forget(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uids.Delete(uid)
}

func (r *releasedPods) has(uid types.UID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.uids.Has(uid)
}

func hasFinalizer(p *corev1.Pod) bool {
	return slices.Contains(p.Finalizers, batchv1.JobTrackingFinalizer)
}

// tracked tells that a pod has the finalizer still.
func (c *Controller) tracked(p *corev1.Pod) bool { return hasFinalizer(p) && !c.released.has(p.UID) }

// release takes the finalizer off pods. One that is gone is no error.
func (c *Controller) release(ctx context.Context, pods []*corev1.Pod) error {
	var errs []error
	for _, p := range pods {
		if !c.tracked(p) {
			continue
		}
		body, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": p.UID, "$deleteFromPrimitiveList/finalizers": []string{batchv1.JobTrackingFinalizer},
		}})
		c.released.add(p.UID) // before the informer can show it, and take it back
		if err == nil {
			_, err = c.env.Client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.StrategicMergePatchType, body, metav1.PatchOptions{})
		}
		if err != nil {
			c.released.forget(p.UID)
			if !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("release pod %s/%s: %w", p.Namespace, p.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}
