package replicas

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// rank sorts pods so that those to be deleted first come first. Each criterion decides only between pods that are equal by all
// before it. neighbors is the number of related pods by node.
func rank(pods []*v1.Pod, neighbors map[string]int, now time.Time) {
	slices.SortStableFunc(pods, func(a, b *v1.Pod) int {
		aReady, bReady := controller.Ready(a), controller.Ready(b)
		if c := cmp.Or(
			first(a.Spec.NodeName == "", b.Spec.NodeName == ""),
			cmp.Compare(phaseRank(a), phaseRank(b)),
			first(!aReady, !bReady),
			cmp.Compare(deletionCost(a), deletionCost(b)),
			cmp.Compare(neighbors[b.Spec.NodeName], neighbors[a.Spec.NodeName]),
		); c != 0 {
			return c
		}
		if aReady && bReady {
			if c := youngest(readySince(a), readySince(b), now); c != 0 {
				return c
			}
		}
		return cmp.Or(
			cmp.Compare(restarts(b), restarts(a)),
			youngest(a.CreationTimestamp.Time, b.CreationTimestamp.Time, now),
		)
	})
}

// first puts the one of two before the other for which it is true.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// phaseRank puts the pods first that run least.
func phaseRank(p *v1.Pod) int {
	switch p.Status.Phase {
	case v1.PodRunning:
		return 2
	case v1.PodUnknown:
		return 1
	}
	return 0
}

// deletionCost is what a pod's annotation says; what cannot be read says nothing.
func deletionCost(p *v1.Pod) int32 {
	cost, err := strconv.ParseInt(p.Annotations[v1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(cost)
}

func readySince(p *v1.Pod) time.Time {
	return controller.Condition(p, v1.PodReady).LastTransitionTime.Time
}

// restarts is the number of the container that restarted most. Containers that always restart, before the others, count too.
func restarts(p *v1.Pod) (most int32) {
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		most = max(most, s.RestartCount)
	}
	return most
}

// youngest puts the younger first. Ages are compared by their order of magnitude only, lest the choice among pods of about the
// same age always falls on one place; a time that is not known counts as the youngest.
func youngest(a, b, now time.Time) int {
	if a.IsZero() || b.IsZero() {
		return first(a.IsZero(), b.IsZero())
	}
	return cmp.Compare(magnitude(now.Sub(a)), magnitude(now.Sub(b)))
}

// magnitude is the number of bits of an age.
func magnitude(age time.Duration) (bits int) {
	for ; age > 0; age >>= 1 {
		bits++
	}
	return bits
}
