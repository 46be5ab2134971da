package statefulset

import (
	"context"

	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// rolling is what a rolling update is told; nil if the set has another strategy.
func (p *pass) rolling() *apps.RollingUpdateStatefulSetStrategy {
	switch s := &p.set.Spec.UpdateStrategy; {
	case s.Type != apps.RollingUpdateStatefulSetStrategyType && s.Type != "":
		return nil
	case s.RollingUpdate == nil:
		return &apps.RollingUpdateStatefulSetStrategy{}
	default:
		return s.RollingUpdate
	}
}

// below tells that an ordinal is before the partition: its pod keeps the revision that the set had.
func (p *pass) below(ordinal int) bool {
	rolling := p.rolling()
	return rolling != nil && rolling.Partition != nil && ordinal < start(p.set)+int(*rolling.Partition)
}

// maxUnavailable is how many members a rolling update may have unavailable.
func maxUnavailable(rolling *apps.RollingUpdateStatefulSetStrategy, members int) int {
	one := intstr.FromInt32(1)
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(rolling.MaxUnavailable, one), members, true)
	if err != nil {
		return 1
	}
	return max(1, n)
}

// replaceOutdated deletes pods of another revision than the template's, from the last to the partition, while few enough are
// unavailable. One that is unavailable itself is no loss. That matters to sets in parallel only: one in order waits for every member
// before it gets here, so that a revision whose pods never become ready holds it up until somebody deletes those pods.
func (p *pass) replaceOutdated(ctx context.Context) error {
	rolling := p.rolling()
	if rolling == nil {
		return nil
	}
	unavailable := 0
	for _, pod := range p.members {
		if pod == nil || !p.available(pod) {
			unavailable++
		}
	}
	for i := len(p.members) - 1; i >= 0 && !p.below(start(p.set)+i); i-- {
		pod := p.members[i]
		if pod == nil || pod.DeletionTimestamp != nil || revisionOf(pod) == p.update.Name {
			continue
		}
		if p.available(pod) {
			if unavailable >= maxUnavailable(rolling, len(p.members)) {
				continue
			}
			unavailable++
		}
		if err := p.delete(ctx, pod); err != nil {
			return err
		}
	}
	return nil
}
