package deployment

import (
	"context"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// recreate makes one step from old pods to none, and only then to new ones.
func (r *rollout) recreate(ctx context.Context) (changed bool, err error) {
	if r.current != nil { // it gets its revision even while the old pods go
		if err := r.reviseCurrent(ctx); err != nil {
			return false, err
		}
	}
	for _, set := range active(r.old) {
		did, err := r.scale(ctx, set, 0)
		changed = changed || did
		if err != nil {
			return changed, err
		}
	}
	if changed {
		return true, nil
	}
	if run, err := r.oldPodsRun(); run || err != nil {
		return false, err
	}
	if err := r.ensureCurrent(ctx); err != nil {
		return false, err
	}
	return r.scale(ctx, r.current, wanted(r.d))
}

// oldPodsRun tells that a pod of an old template has not ended yet; one that is being deleted has not.
func (r *rollout) oldPodsRun() (bool, error) {
	for _, set := range r.old {
		if set.Status.Replicas > 0 {
			return true, nil
		}
		pods, err := r.podsOf(set)
		if err != nil {
			return false, err
		}
		for _, pod := range pods {
			if metav1.IsControlledBy(pod, set) && pod.Status.Phase != v1.PodFailed && pod.Status.Phase != v1.PodSucceeded {
				return true, nil
			}
		}
	}
	return false, nil
}
