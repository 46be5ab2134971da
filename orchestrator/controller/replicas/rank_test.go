package replicas

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRankPutsThoseThatAreMissedLeastFirst(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }
	// running is a pod that is missed most: each case makes another one a little less.
	running := func(change func(*v1.Pod)) *v1.Pod {
		p := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{CreationTimestamp: ago(time.Hour)},
			Spec:       v1.PodSpec{NodeName: "alone"},
			Status: v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{
				{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: ago(time.Hour)},
			}},
		}
		if change != nil {
			change(p)
		}
		return p
	}
	neighbors := map[string]int{"alone": 1, "crowded": 3}
	for name, less := range map[string]func(*v1.Pod){
		"unbound":               func(p *v1.Pod) { p.Spec.NodeName = "" },
		"pending":               func(p *v1.Pod) { p.Status.Phase = v1.PodPending },
		"of an unknown phase":   func(p *v1.Pod) { p.Status.Phase = v1.PodUnknown },
		"not ready":             func(p *v1.Pod) { p.Status.Conditions[0].Status = v1.ConditionFalse },
		"of lower cost":         func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "-1"} },
		"one of many on a node": func(p *v1.Pod) { p.Spec.NodeName = "crowded" },
		"ready since later":     func(p *v1.Pod) { p.Status.Conditions[0].LastTransitionTime = ago(time.Minute) },
		"restarted":             func(p *v1.Pod) { p.Status.ContainerStatuses = []v1.ContainerStatus{{RestartCount: 1}} },
		"younger":               func(p *v1.Pod) { p.CreationTimestamp = ago(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			missed, victim := running(nil), running(less)
			pods := []*v1.Pod{missed, victim}
			rank(pods, neighbors, now)
			require.Same(t, victim, pods[0])
		})
	}
	t.Run("readiness counts before cost", func(t *testing.T) {
		cheap := running(func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "-100"} })
		unready := running(func(p *v1.Pod) { p.Status.Conditions = nil })
		pods := []*v1.Pod{cheap, unready}
		rank(pods, neighbors, now)
		require.Same(t, unready, pods[0])
	})
	t.Run("a cost that is no number is none", func(t *testing.T) {
		require.Zero(t, deletionCost(running(func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "cheap"} })))
	})
}
