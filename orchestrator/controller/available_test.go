package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestUntilAvailable(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ready := func(ago time.Duration) *v1.Pod {
		return &v1.Pod{Status: v1.PodStatus{Conditions: []v1.PodCondition{
			{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-ago))},
		}}}
	}
	timeless := ready(0)
	timeless.Status.Conditions[0].LastTransitionTime = metav1.Time{}
	pods := []*v1.Pod{ready(20 * time.Second), ready(4 * time.Second), ready(7 * time.Second), {}, timeless}
	require.Equal(t, 3*time.Second, UntilAvailable(pods, 10, now))
	require.Zero(t, UntilAvailable(pods, 0, now))
	require.Zero(t, UntilAvailable(pods[:1], 10, now))
}
