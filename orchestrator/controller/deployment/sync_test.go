package deployment

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func TestSparseDeployments(t *testing.T) {
	web := map[string]string{"app": "web"}
	selector := &metav1.LabelSelector{MatchLabels: web}
	template := v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: web}}
	for name, c := range map[string]struct {
		spec apps.DeploymentSpec
		made int
	}{
		"nothing":     {apps.DeploymentSpec{}, 0},
		"another's":   {apps.DeploymentSpec{Selector: selector}, 0},
		"no strategy": {apps.DeploymentSpec{Selector: selector, Template: template}, 1},
		"no limits": {apps.DeploymentSpec{
			Selector: selector, Template: template, Strategy: apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType},
		}, 1},
		"recreate": {apps.DeploymentSpec{
			Selector: selector, Template: template, Strategy: apps.DeploymentStrategy{Type: apps.RecreateDeploymentStrategyType},
		}, 1},
		"paused": {apps.DeploymentSpec{Selector: selector, Template: template, Paused: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := &apps.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "uid"}, Spec: c.spec}
			cluster := controllertest.New(t, d)
			r, ok := New(cluster.Env).(*Controller)
			require.True(t, ok)
			cluster.Refresh()
			err := r.sync(context.Background(), "ns/web")
			require.Equal(t, c.spec.Template.Labels == nil, err != nil, err)
			sets, err := cluster.Client.AppsV1().ReplicaSets("ns").List(context.Background(), metav1.ListOptions{})
			require.NoError(t, err)
			require.Len(t, sets.Items, c.made)
			for _, set := range sets.Items {
				require.EqualValues(t, 1, *set.Spec.Replicas)
			}
			if c.spec.Template.Labels != nil {
				require.NoError(t, r.sync(context.Background(), "ns/web"), "the cache has not shown the set yet")
			}
		})
	}
}

// TestRecreateWaitsForPodsThatAreStillThere has an old pod that takes its time to end.
func TestRecreateWaitsForPodsThatAreStillThere(t *testing.T) {
	d := deployment(1, "v2")
	d.Spec.Strategy = apps.DeploymentStrategy{Type: apps.RecreateDeploymentStrategyType}
	old := (&rollout{d: deployment(1, "v1")}).newSet()
	old.UID, old.Spec.Replicas, old.Annotations = "old", ptr.To(int32(0)), map[string]string{revisionAnnotation: "1"}
	setKind := apps.SchemeGroupVersion.WithKind("ReplicaSet")
	for name, c := range map[string]struct {
		change func(*v1.Pod)
		waits  bool
	}{
		"it runs":      {func(*v1.Pod) {}, true},
		"it is ending": {func(p *v1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: controllertest.Epoch} }, true},
		"it has ended": {func(p *v1.Pod) { p.Status.Phase = v1.PodSucceeded }, false},
		"an orphan":    {func(p *v1.Pod) { p.OwnerReferences = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: "ns", Name: "p", UID: "p", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(old, setKind)},
			}}
			c.change(pod)
			cluster := controllertest.New(t, d, old, pod)
			r, ok := New(cluster.Env).(*Controller)
			require.True(t, ok)
			cluster.Refresh()
			if err := r.sync(context.Background(), "ns/web"); err != nil {
				require.Equal(t, controller.Later(601*time.Second), err) // to see whether the deadline has passed
			}
			writes := strings.Join(cluster.Writes(), "; ")
			require.Equal(t, !c.waits, strings.Contains(writes, "create replicasets"), writes)
		})
	}
}

func TestCleanUpSparesWhatMayHavePods(t *testing.T) {
	set := func(name string, change func(*apps.ReplicaSet)) *apps.ReplicaSet {
		s := &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: name, Generation: 2, Annotations: map[string]string{revisionAnnotation: "1"},
		}}
		s.Spec.Replicas, s.Status.ObservedGeneration = ptr.To(int32(0)), 2
		if change != nil {
			change(s)
		}
		return s
	}
	old := []*apps.ReplicaSet{
		set("newest", func(s *apps.ReplicaSet) { s.Annotations[revisionAnnotation] = "10" }),
		set("empty", func(s *apps.ReplicaSet) { s.Annotations[revisionAnnotation] = "9" }),
		set("has-pods", func(s *apps.ReplicaSet) { s.Status.Replicas = 1 }),
		set("shall-have-pods", func(s *apps.ReplicaSet) { s.Spec.Replicas = ptr.To(int32(1)) }),
		set("may-have-pods", func(s *apps.ReplicaSet) { s.Status.ObservedGeneration = 1 }),
		set("goes", func(s *apps.ReplicaSet) { s.DeletionTimestamp = &metav1.Time{Time: controllertest.Epoch} }),
	}
	c := controllertest.New(t)
	for limit, want := range map[int32][]string{
		0: {"delete replicasets ns/empty", "delete replicasets ns/newest"}, 1: {"delete replicasets ns/empty"}, 2: nil, 9: nil,
	} {
		d := deployment(1, "v1")
		d.Spec.RevisionHistoryLimit = &limit
		r := &rollout{Controller: &Controller{client: c.Client}, d: d, old: old}
		require.NoError(t, r.cleanUp(context.Background()))
		require.Equal(t, want, c.Writes(), limit)
	}
}
