package deployment

import (
	"cmp"
	"context"
	"math"
	"slices"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// rescaled tells that somebody has changed the Deployment's replicas since its ReplicaSets were given their sizes.
func (r *rollout) rescaled() bool {
	return slices.ContainsFunc(active(r.all()), func(set *apps.ReplicaSet) bool {
		desired, ok := annotated(set, desiredAnnotation)
		return ok && desired != wanted(r.d)
	})
}

// resize makes the ReplicaSets fit a changed number of replicas, or a paused Deployment's.
func (r *rollout) resize(ctx context.Context) error {
	if r.current != nil {
		if err := r.reviseCurrent(ctx); err != nil {
			return err
		}
	}
	if err := r.distribute(ctx); err != nil {
		return err
	}
	if r.d.Spec.Paused {
		return r.cleanUp(ctx)
	}
	return nil
}

// distribute gives each ReplicaSet its part. One that is alone gets all. If the current one is complete the others get nothing. In
// the midst of a rolling update each gets or gives in proportion to its size, which lessens the risk of a template that is bad.
func (r *rollout) distribute(ctx context.Context) error {
	if only := r.only(); only != nil {
		_, err := r.scale(ctx, only, wanted(r.d))
		return err
	}
	if r.saturated() {
		for _, set := range active(r.old) {
			if _, err := r.scale(ctx, set, 0); err != nil {
				return err
			}
		}
		return nil
	}
	sets := active(r.all())
	parts := proportions(r.d, sets)
	for i, set := range sets {
		if r.d.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType {
			parts[i] = size(set) // there is no proportion where all old pods go; the new size of the Deployment is noted
		}
		if _, err := r.scale(ctx, set, parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// only returns the ReplicaSet that has all pods, or shall have them if none has any; nil if several have some.
func (r *rollout) only() *apps.ReplicaSet {
	switch act := active(r.all()); {
	case len(act) == 1:
		return act[0]
	case len(act) > 1:
		return nil
	case r.current != nil:
		return r.current
	case len(r.old) > 0:
		return r.old[len(r.old)-1]
	}
	return nil
}

// saturated tells that the current ReplicaSet has all pods that are wanted, and they are available.
func (r *rollout) saturated() bool {
	if r.current == nil {
		return false
	}
	desired, ok := annotated(r.current, desiredAnnotation)
	n := wanted(r.d)
	return ok && desired == n && size(r.current) == n && r.current.Status.AvailableReplicas == n
}

// proportions sorts the ReplicaSets and returns their sizes in the Deployment's new size. What rounding leaves goes to the
// first, which is the largest.
func proportions(d *apps.Deployment, sets []*apps.ReplicaSet) []int32 {
	total := int32(0)
	if wanted(d) > 0 {
		surge, _ := limits(d)
		total = wanted(d) + surge
	}
	add := total - sizes(sets)
	slices.SortFunc(sets, func(a, b *apps.ReplicaSet) int {
		age := byAge(a, b)
		if add > 0 {
			age = -age // grow the newer first, shrink the older
		}
		return cmp.Or(cmp.Compare(size(b), size(a)), age)
	})
	result, left := make([]int32, len(sets)), add
	for i, set := range sets {
		part := fraction(d, set, total)
		if add > 0 {
			part = max(0, min(part, left))
		} else {
			part = min(0, max(part, left))
		}
		result[i] = size(set) + part
		left -= part
	}
	if len(result) > 0 {
		result[0] = max(0, result[0]+left)
	}
	return result
}

// fraction is by how much a ReplicaSet's size changes in proportion, when the most pods that the Deployment may have become total.
func fraction(d *apps.Deployment, set *apps.ReplicaSet, total int32) int32 {
	if wanted(d) == 0 {
		return -size(set)
	}
	most, ok := annotated(set, maxAnnotation)
	if !ok || most <= 0 {
		most = d.Status.Replicas // nobody has said: what there was will do
	}
	if most <= 0 {
		return 0
	}
	return int32(math.Round(float64(size(set))*float64(total)/float64(most))) - size(set)
}

// scale gives a ReplicaSet a size, and notes for what size of the Deployment it was.
func (r *rollout) scale(ctx context.Context, set *apps.ReplicaSet, n int32) (changed bool, err error) {
	was := size(set)
	scaled := set.DeepCopy()
	noted := noteSizes(r.d, scaled)
	if was == n && !noted {
		return false, nil
	}
	scaled.Spec.Replicas = ptr.To(n)
	if err := r.update(ctx, scaled); err != nil {
		return false, err
	}
	if was == n {
		return false, nil
	}
	direction := "up"
	if n < was {
		direction = "down"
	}
	r.events.Eventf(r.d, v1.EventTypeNormal, "ScalingReplicaSet",
		"Scaled %s replica set %s from %d to %d", direction, set.Name, was, n)
	return true, nil
}
