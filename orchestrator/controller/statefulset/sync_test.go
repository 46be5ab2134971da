package statefulset

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// TestALateCacheMakesNothingTwice syncs again and again while the cache does not show the pods yet.
func TestALateCacheMakesNothingTwice(t *testing.T) {
	s := set(3, "v1")
	s.Spec.PodManagementPolicy = apps.ParallelPodManagement
	c := controllertest.New(t, s)
	r, ok := New(c.Env).(*Controller)
	require.True(t, ok)
	c.Refresh()
	for range 3 {
		require.NoError(t, r.sync(context.Background(), "ns/db"))
	}
	require.Equal(t, []string{"create db-0", "create db-1", "create db-2"}, (&world{Cluster: c, t: t}).podWrites())
}

func TestSparseSets(t *testing.T) {
	db := map[string]string{"app": "db"}
	for name, spec := range map[string]apps.StatefulSetSpec{
		"nothing": {},
		"no more needed": {
			Selector: &metav1.LabelSelector{MatchLabels: db},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: db}},
		},
		"another's": {Selector: &metav1.LabelSelector{MatchLabels: db}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &apps.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "db", UID: "db-uid"}, Spec: spec}
			c := controllertest.New(t, s)
			r, ok := New(c.Env).(*Controller)
			require.True(t, ok)
			c.Refresh()
			err := r.sync(context.Background(), "ns/db")
			if name == "no more needed" {
				require.NoError(t, err)
				require.Len(t, c.Pods(nil), 1)
			} else {
				require.Error(t, err)
				require.Empty(t, c.Pods(nil))
			}
		})
	}
}

// TestInOrderAnUnhealthyPodTooManyWaits keeps a broken pod from being deleted before those that it may need are healthy or gone.
func TestInOrderAnUnhealthyPodTooManyWaits(t *testing.T) {
	s := set(0, "v1")
	running := func(ordinal int, healthy bool) *v1.Pod {
		pod := newPod(s, &s.Spec.Template, "rev", ordinal)
		pod.UID = types.UID(pod.Name + "-uid")
		pod.Status.Phase = v1.PodRunning
		if healthy {
			pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}
		}
		return pod
	}
	for name, c := range map[string]struct {
		healthy [2]bool
		deleted []string
	}{
		"both healthy":         {[2]bool{true, true}, []string{"delete db-1"}},
		"the last one is not":  {[2]bool{true, false}, []string{"delete db-1"}},
		"the first one is not": {[2]bool{false, true}, []string{"delete db-1"}},
		"neither is: it waits": {[2]bool{false, false}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Cluster: controllertest.New(t, s, running(0, c.healthy[0]), running(1, c.healthy[1])), t: t}
			r, ok := New(w.Env).(*Controller)
			require.True(t, ok)
			w.Refresh()
			require.NoError(t, r.sync(context.Background(), "ns/db"))
			require.Equal(t, c.deleted, w.podWrites())
		})
	}
}
