package replicaset

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func set(replicas int32) *apps.ReplicaSet {
	web := map[string]string{"app": "web"}
	return &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid", Generation: 1},
		Spec: apps.ReplicaSetSpec{
			Replicas: ptr.To(replicas), Selector: &metav1.LabelSelector{MatchLabels: web},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: web}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "web"}}},
			},
		},
	}
}

func pod(name, app string, owner *apps.ReplicaSet) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "pod-uid", Labels: map[string]string{"app": app}}}
	if owner != nil {
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)}
	}
	return p
}

// start runs the controller on a cluster of these objects.
func start(t *testing.T, objects ...runtime.Object) *controllertest.Cluster {
	c := controllertest.New(t, objects...)
	c.Versions()
	c.Start(New(c.Env))
	return c
}

func read(t *testing.T, c *controllertest.Cluster) *apps.ReplicaSet {
	s, err := c.Client.AppsV1().ReplicaSets("ns").Get(context.Background(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	return s
}

// change updates the set, against whatever the controller writes meanwhile.
func change(t *testing.T, c *controllertest.Cluster, f func(*apps.ReplicaSet)) {
	c.Eventually(func() bool {
		s := read(t, c)
		f(s)
		_, err := c.Client.AppsV1().ReplicaSets("ns").Update(context.Background(), s, metav1.UpdateOptions{})
		return err == nil
	}, "update")
}

func TestPodsAreMadeCountedAndScaledDown(t *testing.T) {
	c := start(t, set(3))
	c.Eventually(func() bool { return read(t, c).Status.Replicas == 3 }, "three pods")
	require.Len(t, c.Pods(nil), 3)
	made := c.Pods(nil)[0]
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(set(3), kind)}, made.OwnerReferences)
	require.Equal(t, "web-", made.GenerateName)
	require.Equal(t, map[string]string{"app": "web"}, made.Labels)
	require.Contains(t, c.Events(), "Normal SuccessfulCreate Created pod: "+made.Name)

	c.RunPods(nil)
	want := apps.ReplicaSetStatus{
		Replicas: 3, FullyLabeledReplicas: 3, ReadyReplicas: 3, AvailableReplicas: 3, TerminatingReplicas: ptr.To(int32(0)), ObservedGeneration: 1,
	}
	c.Eventually(func() bool { return read(t, c).Status.ReadyReplicas == 3 }, "ready")
	require.Equal(t, want, read(t, c).Status)

	change(t, c, func(s *apps.ReplicaSet) { s.Spec.Replicas = ptr.To(int32(1)) })
	c.Eventually(func() bool { s := read(t, c).Status; return s.Replicas == 1 && s.ObservedGeneration == 2 }, "one pod")
	require.Len(t, c.Pods(nil), 1)
}

func TestALostPodIsReplaced(t *testing.T) {
	c := start(t, set(2))
	c.Eventually(func() bool { return len(c.Pods(nil)) == 2 }, "two pods")
	lost := c.Pods(nil)[0]
	require.NoError(t, c.Client.CoreV1().Pods("ns").Delete(context.Background(), lost.Name, metav1.DeleteOptions{}))
	c.Eventually(func() bool {
		return len(c.Pods(func(p *v1.Pod) bool { return p.Name != lost.Name })) == 2
	}, "another in its place")

	ended := c.Pods(nil)[0]
	ended.Status.Phase = v1.PodFailed
	_, err := c.Client.CoreV1().Pods("ns").UpdateStatus(context.Background(), &ended, metav1.UpdateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool { return len(c.Pods(nil)) == 3 }, "another beside the one that ended")
}

func TestOrphansAreAdoptedAndStrayPodsReleased(t *testing.T) {
	owner := set(1)
	stray := pod("stray", "other", owner)
	stray.UID = "stray-uid"
	c := start(t, owner, pod("orphan", "web", nil), stray)
	c.Eventually(func() bool {
		return len(c.Pods(func(p *v1.Pod) bool { return p.Name == "orphan" && metav1.IsControlledBy(p, owner) })) == 1
	}, "adopted")
	c.Eventually(func() bool {
		return len(c.Pods(func(p *v1.Pod) bool { return p.Name == "stray" && len(p.OwnerReferences) == 0 })) == 1
	}, "released")
	c.Eventually(func() bool { return read(t, c).Status.Replicas == 1 }, "the orphan is the one")
	require.Len(t, c.Pods(nil), 2)
}

func TestAFailureIsACondition(t *testing.T) {
	c := controllertest.New(t, set(4))
	c.Versions()
	denied := make(chan struct{})
	c.Fake.PrependReactor("create", "pods", func(core.Action) (bool, runtime.Object, error) {
		select {
		case <-denied:
			return false, nil, nil
		default:
			return true, nil, errors.New("exceeded quota")
		}
	})
	c.Start(New(c.Env))
	c.Eventually(func() bool { return len(read(t, c).Status.Conditions) == 1 }, "a condition")
	cond := read(t, c).Status.Conditions[0]
	require.Equal(t, apps.ReplicaSetReplicaFailure, cond.Type)
	require.Equal(t, v1.ConditionTrue, cond.Status)
	require.Equal(t, "FailedCreate", cond.Reason)
	require.Equal(t, "exceeded quota", cond.Message)
	require.Contains(t, c.Events(), "Warning FailedCreate Error creating: exceeded quota")
	close(denied)
	c.Eventually(func() bool { s := read(t, c).Status; return s.Replicas == 4 && len(s.Conditions) == 0 }, "tried again")
	require.Len(t, c.Pods(nil), 4)
}

func TestReadyIsNotYetAvailable(t *testing.T) {
	slow := set(1)
	slow.Spec.MinReadySeconds = 1
	c := start(t, slow)
	c.RunPods(nil)
	c.Eventually(func() bool { return read(t, c).Status.ReadyReplicas == 1 }, "ready")
	require.Zero(t, read(t, c).Status.AvailableReplicas)
	c.Clock.Step(time.Second)
	c.Eventually(func() bool { return read(t, c).Status.AvailableReplicas == 1 }, "it looks again of itself")
}

func TestADeletedSetDoesNothing(t *testing.T) {
	dying := set(2)
	dying.DeletionTimestamp, dying.Finalizers = &metav1.Time{Time: controllertest.Epoch}, []string{metav1.FinalizerDeleteDependents}
	c := start(t, dying)
	c.Eventually(func() bool { return read(t, c).Status.ObservedGeneration == 1 }, "its status is still kept")
	require.Empty(t, c.Pods(nil))
}

func TestNothingIsWrittenTwice(t *testing.T) {
	c := start(t, set(1))
	c.RunPods(nil)
	c.Eventually(func() bool { return read(t, c).Status.AvailableReplicas == 1 }, "available")
	c.Writes()
	change(t, c, func(s *apps.ReplicaSet) { s.Labels = map[string]string{"any": "change"} })
	change(t, c, func(s *apps.ReplicaSet) { s.Spec.Replicas = ptr.To(int32(2)) })
	c.Eventually(func() bool { return read(t, c).Status.AvailableReplicas == 2 }, "available")
	require.Len(t, c.Pods(nil), 2)
	for _, w := range c.Writes() {
		require.NotContains(t, w, "delete")
	}
}

// TestASelectorThatMissesTheTemplate would make pods without end if the set released what it had just made.
func TestASelectorThatMissesTheTemplate(t *testing.T) {
	absent, other, everything := set(1), set(1), set(1)
	absent.Spec.Selector = nil
	other.Name, other.UID, other.Spec.Template.Labels = "other", "other-uid", map[string]string{"app": "db"}
	everything.Name, everything.UID, everything.Spec.Selector = "everything", "everything-uid", &metav1.LabelSelector{}
	right := set(1)
	right.Name, right.UID = "right", "right-uid"
	c := start(t, absent, other, everything, right)
	c.Eventually(func() bool { return len(c.Pods(nil)) == 1 }, "the one that is right")
	require.Equal(t, "right-", c.Pods(nil)[0].GenerateName)
}
