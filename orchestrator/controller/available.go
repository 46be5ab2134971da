package controller

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// UntilAvailable is the time until the next of the pods becomes available that is ready, for no event will tell; 0 if there is
// none to wait for.
func UntilAvailable(pods []*v1.Pod, seconds int32, now time.Time) (next time.Duration) {
	for _, pod := range pods {
		if !Ready(pod) || Available(pod, seconds, now) {
			continue
		}
		since := Condition(pod, v1.PodReady).LastTransitionTime
		wait := since.Add(time.Duration(seconds) * time.Second).Sub(now)
		if !since.IsZero() && (next == 0 || wait < next) {
			next = wait
		}
	}
	return next
}
