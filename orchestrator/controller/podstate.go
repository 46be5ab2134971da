package controller

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// Active tells that a pod runs or may yet: it has not ended and is not about to.
func Active(p *v1.Pod) bool {
	return p.Status.Phase != v1.PodSucceeded && p.Status.Phase != v1.PodFailed && p.DeletionTimestamp == nil
}

// Condition returns a condition of a pod; nil if it has none of that type.
func Condition(p *v1.Pod, typ v1.PodConditionType) *v1.PodCondition {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == typ {
			return c
		}
	}
	return nil
}

// Ready tells that a pod takes traffic.
func Ready(p *v1.Pod) bool {
	c := Condition(p, v1.PodReady)
	return c != nil && c.Status == v1.ConditionTrue
}

// Available tells that a pod has been ready for so many seconds.
func Available(p *v1.Pod, seconds int32, now time.Time) bool {
	if !Ready(p) {
		return false
	}
	since := Condition(p, v1.PodReady).LastTransitionTime
	return seconds == 0 || (!since.IsZero() && !since.Add(time.Duration(seconds)*time.Second).After(now))
}

// Ended tells that a pod is as it will remain.
func Ended(p *v1.Pod) bool {
	return p.Status.Phase == v1.PodSucceeded || p.Status.Phase == v1.PodFailed
}
