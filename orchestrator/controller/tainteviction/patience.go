package tainteviction

import (
	"math"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// patience is how long a pod with such tolerations may stay on a node with such taints. It is doomed if that is not for ever.
func patience(taints []v1.Taint, tolerations []v1.Toleration) (d time.Duration, doomed bool) {
	d = math.MaxInt64
	for i := range taints {
		if taints[i].Effect != v1.TaintEffectNoExecute {
			continue
		}
		least, tolerated := tolerance(&taints[i], tolerations)
		if !tolerated {
			return 0, true
		}
		d = min(d, least)
	}
	return d, d != math.MaxInt64
}

// tolerance is the shortest time for which one of the tolerations bears a taint.
func tolerance(taint *v1.Taint, tolerations []v1.Toleration) (least time.Duration, tolerated bool) {
	least = math.MaxInt64
	for i := range tolerations {
		t := &tolerations[i]
		if !t.ToleratesTaint(klog.Background(), taint, false) {
			continue
		}
		tolerated = true
		if t.TolerationSeconds != nil {
			least = min(least, seconds(*t.TolerationSeconds))
		}
	}
	return least, tolerated
}

// seconds is n as a duration. What is negative is none, what is too much for a duration is for ever.
func seconds(n int64) time.Duration {
	switch {
	case n <= 0:
		return 0
	case n > math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return time.Duration(n) * time.Second
}
