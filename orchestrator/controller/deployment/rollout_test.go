package deployment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
	"github.com/petcd/petcd/orchestrator/controller/replicaset"
)

func deployment(replicas int32, image string) *apps.Deployment {
	web := map[string]string{"app": "web"}
	return &apps.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid", Generation: 1, ResourceVersion: "1"},
		Spec: apps.DeploymentSpec{
			Replicas: ptr.To(replicas), Selector: &metav1.LabelSelector{MatchLabels: web},
			RevisionHistoryLimit: ptr.To(int32(10)), ProgressDeadlineSeconds: ptr.To(int32(600)),
			Strategy: apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType, RollingUpdate: &apps.RollingUpdateDeployment{
				MaxSurge: ptr.To(intstr.FromString("25%")), MaxUnavailable: ptr.To(intstr.FromString("25%")),
			}},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: web},
				Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image}}},
			},
		},
	}
}

// world is a cluster with a Deployment, the controllers that it needs, and nodes on which pods work unless their image is "bad".
type world struct {
	*controllertest.Cluster
	t *testing.T
}

func start(t *testing.T, d *apps.Deployment, prepare ...func(*controllertest.Cluster)) *world {
	c := controllertest.New(t, d)
	c.Versions()
	for _, p := range prepare {
		p(c)
	}
	c.RunPods(func(p *v1.Pod) bool { return p.Spec.Containers[0].Image != "bad" })
	c.Start(controller.Runners{New(c.Env), replicaset.New(c.Env)})
	return &world{Cluster: c, t: t}
}

func (w *world) deployment() *apps.Deployment {
	d, err := w.Client.AppsV1().Deployments("ns").Get(context.Background(), "web", metav1.GetOptions{})
	require.NoError(w.t, err)
	return d
}

// sets returns the ReplicaSets by image.
func (w *world) sets() map[string]apps.ReplicaSet {
	list, err := w.Client.AppsV1().ReplicaSets("ns").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	sets := map[string]apps.ReplicaSet{}
	for _, set := range list.Items {
		sets[set.Spec.Template.Spec.Containers[0].Image] = set
	}
	return sets
}

// change is kubectl: it updates the Deployment, again if the controller was faster.
func (w *world) change(f func(*apps.Deployment)) {
	w.t.Helper()
	w.Eventually(func() bool {
		d := w.deployment()
		f(d)
		_, err := w.Client.AppsV1().Deployments("ns").Update(context.Background(), d, metav1.UpdateOptions{})
		return err == nil
	}, "update")
}

func image(to string) func(*apps.Deployment) {
	return func(d *apps.Deployment) { d.Spec.Template.Spec.Containers[0].Image = to }
}

// done waits for the end of a rollout, as kubectl rollout status does, and for its last word.
func (w *world) done() {
	w.t.Helper()
	w.Eventually(func() bool {
		d := w.deployment()
		c := condition(&d.Status, apps.DeploymentProgressing)
		return complete(d, &d.Status) && d.Status.UnavailableReplicas == 0 && c != nil && c.Reason == "NewReplicaSetAvailable"
	}, "the rollout ends")
}

// conditions returns the Deployment's as "type=status reason".
func (w *world) conditions() []string {
	var list []string
	for _, c := range w.deployment().Status.Conditions {
		list = append(list, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(list)
	return list
}

func (w *world) has(condition string) bool { return slices.Contains(w.conditions(), condition) }

func TestARolloutAndItsUndo(t *testing.T) {
	var most, least atomic.Int32
	least.Store(math.MaxInt32)
	w := start(t, deployment(10, "v1"))
	w.done()
	require.Equal(t, []string{"Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"}, w.conditions())

	first := w.sets()["v1"]
	hash := first.Labels["pod-template-hash"]
	require.Equal(t, "web-"+hash, first.Name)
	require.Equal(t, hash, first.Spec.Selector.MatchLabels["pod-template-hash"])
	require.Equal(t, hash, first.Spec.Template.Labels["pod-template-hash"])
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(deployment(1, "v1"), kind)}, first.OwnerReferences)
	require.Equal(t, map[string]string{revisionAnnotation: "1", desiredAnnotation: "10", maxAnnotation: "13"}, first.Annotations)
	require.Equal(t, "1", w.deployment().Annotations[revisionAnnotation])
	require.Contains(t, w.Events(), "Normal ScalingReplicaSet Scaled up replica set "+first.Name+" from 0 to 10")

	// From here on: never more than 13 pods wanted, never fewer than 8 that work.
	w.Fake.PrependReactor("update", "replicasets", func(a core.Action) (bool, runtime.Object, error) {
		update, ok := a.(core.UpdateAction)
		if !ok || a.GetSubresource() != "" {
			return false, nil, nil
		}
		changed, ok := update.GetObject().(*apps.ReplicaSet)
		if !ok {
			return false, nil, nil
		}
		list, err := w.Fake.Tracker().List(a.GetResource(), apps.SchemeGroupVersion.WithKind("ReplicaSet"), "ns")
		if err != nil {
			return true, nil, err
		}
		sets, ok := list.(*apps.ReplicaSetList)
		if !ok {
			return false, nil, nil
		}
		wanted, ready := size(changed), int32(len(w.Pods(controller.Ready)))
		for i := range sets.Items {
			if set := &sets.Items[i]; set.Name != changed.Name {
				wanted += size(set)
			}
		}
		most.Store(max(most.Load(), wanted))
		least.Store(min(least.Load(), ready))
		return false, nil, nil
	})
	w.change(func(d *apps.Deployment) {
		image("v2")(d)
		d.Annotations["kubernetes.io/change-cause"] = "a better image"
	})
	w.done()
	require.EqualValues(t, 13, most.Load())
	require.GreaterOrEqual(t, least.Load(), int32(8))
	sets := w.sets()
	require.Len(t, sets, 2)
	require.EqualValues(t, 0, *sets["v1"].Spec.Replicas)
	require.EqualValues(t, 10, *sets["v2"].Spec.Replicas)
	require.Equal(t, "a better image", sets["v2"].Annotations["kubernetes.io/change-cause"])
	require.Equal(t, "2", w.deployment().Annotations[revisionAnnotation])

	w.change(image("v1")) // what kubectl rollout undo patches
	w.done()
	sets = w.sets()
	require.Len(t, sets, 2)
	require.Equal(t, first.UID, sets["v1"].UID)
	require.EqualValues(t, 10, *sets["v1"].Spec.Replicas)
	require.Equal(t, "3", sets["v1"].Annotations[revisionAnnotation])
	require.Equal(t, "1", sets["v1"].Annotations[historyAnnotation])
	require.Equal(t, "3", w.deployment().Annotations[revisionAnnotation])
	require.EqualValues(t, 13, most.Load())
	require.GreaterOrEqual(t, least.Load(), int32(8))
}

func TestABadTemplateStopsAndTimesOut(t *testing.T) {
	w := start(t, deployment(4, "v1"))
	w.done()
	w.change(image("bad"))
	w.Eventually(func() bool {
		s := w.deployment().Status
		return s.UpdatedReplicas == 2 && s.Replicas == 5
	}, "as far as surge and unavailability go")
	w.Eventually(func() bool { return w.has("Progressing=True ReplicaSetUpdated") }, "some progress")
	require.True(t, w.has("Available=True MinimumReplicasAvailable"))
	require.Len(t, w.Pods(controller.Ready), 3)

	w.Clock.Step(601 * time.Second)
	w.change(func(d *apps.Deployment) { d.Labels = map[string]string{"look": "again"} })
	w.Eventually(func() bool { return w.has("Progressing=False ProgressDeadlineExceeded") }, "out of time")

	w.change(image("v1"))
	w.done()
	require.True(t, w.has("Progressing=True NewReplicaSetAvailable"))
}

func TestRecreateStopsAllFirst(t *testing.T) {
	d := deployment(3, "v1")
	d.Spec.Strategy = apps.DeploymentStrategy{Type: apps.RecreateDeploymentStrategyType}
	w := start(t, d)
	w.done()
	old := w.sets()["v1"]
	w.Writes()
	w.change(image("v2"))
	w.done()
	require.Len(t, w.Pods(nil), 3)
	lastDeleted, created := -1, -1
	for i, write := range w.Writes() {
		switch {
		case strings.HasPrefix(write, "delete pods ns/"+old.Name):
			lastDeleted = i
		case strings.HasPrefix(write, "create replicasets"):
			created = i
		}
	}
	require.Positive(t, lastDeleted)
	require.Greater(t, created, lastDeleted)
}

func TestScaleInTheMidstKeepsProportions(t *testing.T) {
	w := start(t, deployment(8, "v1"))
	w.done()
	w.change(image("bad"))
	w.Eventually(func() bool {
		sets := w.sets()
		return ptr.Deref(ptr.To(sets["bad"]).Spec.Replicas, 0) == 4 && *sets["v1"].Spec.Replicas == 6
	}, "the rollout hangs")
	w.change(func(d *apps.Deployment) { d.Spec.Replicas = ptr.To(int32(16)) })
	w.Eventually(func() bool {
		sets := w.sets()
		return *sets["bad"].Spec.Replicas == 8 && *sets["v1"].Spec.Replicas == 12
	}, "each gets its part of 16 + 4")
}

func TestPause(t *testing.T) {
	w := start(t, deployment(2, "v1"))
	w.done()
	w.change(func(d *apps.Deployment) { d.Spec.Paused = true })
	w.Eventually(func() bool { return w.has("Progressing=Unknown DeploymentPaused") }, "paused")
	w.change(image("v2"))
	w.change(func(d *apps.Deployment) { d.Spec.Replicas = ptr.To(int32(3)) })
	w.Eventually(func() bool { s := w.deployment().Status; return s.AvailableReplicas == 3 }, "it can be scaled")
	require.Equal(t, []string{"v1"}, slices.Collect(maps.Keys(w.sets())))
	w.change(func(d *apps.Deployment) { d.Spec.Paused = false })
	w.done()
	require.EqualValues(t, 3, w.deployment().Status.UpdatedReplicas)
	require.EqualValues(t, 3, *w.sets()["v2"].Spec.Replicas)
}

func TestHistoryIsCut(t *testing.T) {
	d := deployment(1, "v1")
	d.Spec.RevisionHistoryLimit = ptr.To(int32(1))
	w := start(t, d)
	for _, v := range []string{"v2", "v3", "v4"} {
		w.done()
		w.change(image(v))
	}
	w.done()
	w.Eventually(func() bool {
		return slices.Equal([]string{"v3", "v4"}, slices.Sorted(maps.Keys(w.sets())))
	}, "the current one and one before")
}

func TestAHashThatIsTaken(t *testing.T) {
	d := deployment(1, "v1")
	name := "web-" + controller.TemplateHash(&d.Spec.Template, nil)
	stranger := &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "stranger"}}
	stranger.Spec.Replicas = ptr.To(int32(0))
	stranger.Spec.Template.Spec.Containers = []v1.Container{{Image: "stranger"}}
	w := start(t, d, func(c *controllertest.Cluster) { require.NoError(t, c.Fake.Tracker().Add(stranger)) })
	w.done()
	require.EqualValues(t, 1, *w.deployment().Status.CollisionCount)
	require.Equal(t, "web-"+controller.TemplateHash(&d.Spec.Template, ptr.To(int32(1))), w.sets()["v1"].Name)
}

func TestFailuresAreConditions(t *testing.T) {
	deny := func(resource string) func(c *controllertest.Cluster) {
		return func(c *controllertest.Cluster) {
			c.Fake.PrependReactor("create", resource, func(core.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("denied")
			})
		}
	}
	t.Run("no replica set", func(t *testing.T) {
		w := start(t, deployment(1, "v1"), deny("replicasets"))
		w.Eventually(func() bool { return w.has("Progressing=False ReplicaSetCreateError") }, "a condition")
	})
	t.Run("no pods", func(t *testing.T) {
		w := start(t, deployment(1, "v1"), deny("pods"))
		w.Eventually(func() bool { return w.has("ReplicaFailure=True FailedCreate") }, "a condition")
		require.Contains(t, w.conditions(), "Progressing=True NewReplicaSetCreated")
		require.True(t, w.has("Available=False MinimumReplicasUnavailable"))
	})
}

func TestMinReadySecondsReachTheReplicaSet(t *testing.T) {
	w := start(t, deployment(1, "v1"))
	w.done()
	w.change(func(d *apps.Deployment) { d.Spec.MinReadySeconds = 7 })
	w.Eventually(func() bool { return w.sets()["v1"].Spec.MinReadySeconds == 7 }, "without a new template")
	require.Len(t, w.sets(), 1)
}

func TestAllPodsAreNotMeant(t *testing.T) {
	d := deployment(1, "v1")
	d.Spec.Selector = &metav1.LabelSelector{}
	w := start(t, d)
	w.Eventually(func() bool { return w.deployment().Status.ObservedGeneration == 1 }, "seen")
	require.Contains(t, w.Events(), "Warning SelectingAll This deployment is selecting all pods. A non-empty selector is required.")
	require.Empty(t, w.sets())
}

func TestAReplicaSetWithoutOwnerIsAdopted(t *testing.T) {
	d := deployment(1, "v1")
	orphan := (&rollout{d: d}).newSet()
	orphan.UID, orphan.OwnerReferences = "orphan", nil
	w := start(t, d, func(c *controllertest.Cluster) { require.NoError(t, c.Fake.Tracker().Add(orphan)) })
	w.done()
	set := w.sets()["v1"]
	require.EqualValues(t, "orphan", set.UID)
	require.True(t, metav1.IsControlledBy(&set, d))
}

func TestWithRevision(t *testing.T) {
	require.Equal(t, "1", withRevision("", "1"))
	require.Equal(t, "1,3", withRevision("1", "3"))
	require.Equal(t, "1,3", withRevision("1,3", "1"))
	long := strings.Repeat("123456789,", maxHistory/10)
	cut := withRevision(strings.TrimSuffix(long, ","), "7")
	require.LessOrEqual(t, len(cut), maxHistory)
	require.True(t, strings.HasSuffix(cut, ",7"))
}
