package deployment

import (
	"context"
	"slices"

	apps "k8s.io/api/apps/v1"
)

// roll makes one step of a rolling update: new pods as far as the surge allows, then fewer old ones as far as availability does.
func (r *rollout) roll(ctx context.Context) (changed bool, err error) {
	if err := r.ensureCurrent(ctx); err != nil {
		return false, err
	}
	for _, step := range []func(context.Context) (bool, error){r.resizeCurrent, r.shrinkOld} {
		if changed, err = step(ctx); changed || err != nil {
			return changed, err
		}
	}
	return false, nil
}

// resizeCurrent scales the current ReplicaSet up as far as the surge allows, or down to what is wanted.
func (r *rollout) resizeCurrent(ctx context.Context) (bool, error) {
	if n := size(r.current); n > wanted(r.d) {
		return r.scale(ctx, r.current, wanted(r.d))
	}
	return r.scale(ctx, r.current, r.currentSize(size(r.current)))
}

// currentSize is the size that the current ReplicaSet may have now, of which it has n.
func (r *rollout) currentSize(n int32) int32 {
	if r.d.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType {
		return wanted(r.d)
	}
	surge, _ := limits(r.d)
	room := wanted(r.d) + surge - sizes(r.old) - n
	if room <= 0 {
		return n
	}
	return n + min(room, wanted(r.d)-n)
}

// shrinkOld scales old ReplicaSets down: first by pods that are not available anyway, then by as many others as may be missing.
func (r *rollout) shrinkOld(ctx context.Context) (bool, error) {
	if sizes(r.old) == 0 {
		return false, nil
	}
	_, unavailable := limits(r.d)
	least := wanted(r.d) - unavailable
	notYet := size(r.current) - available(r.current)
	spare := sizes(r.all()) - least - notYet
	if spare <= 0 {
		return false, nil
	}
	unhealthy, err := r.shrink(ctx, spare, func(set *apps.ReplicaSet) int32 { return size(set) - available(set) })
	if err != nil {
		return unhealthy, err
	}
	healthy, err := r.shrink(ctx, available(r.all()...)-least, size)
	return unhealthy || healthy, err
}

// shrink takes n pods from the old ReplicaSets, from the oldest first, and from each no more than limit says.
func (r *rollout) shrink(ctx context.Context, n int32, limit func(*apps.ReplicaSet) int32) (changed bool, err error) {
	for _, set := range slices.Clone(r.old) { // scale puts updated ones into r.old
		if n <= 0 {
			break
		}
		less := min(n, limit(set), size(set))
		if less <= 0 {
			continue
		}
		did, err := r.scale(ctx, set, size(set)-less)
		changed = changed || did
		if err != nil {
			return changed, err
		}
		n -= less
	}
	return changed, nil
}
