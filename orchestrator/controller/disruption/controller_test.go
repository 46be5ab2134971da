package disruption

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newBudget(change ...func(*policy.PodDisruptionBudget)) *policy.PodDisruptionBudget {
	pdb := &policy.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", Generation: 3},
		Spec:       policy.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}},
	}
	for _, f := range change {
		f(pdb)
	}
	return pdb
}

func atLeast(v intstr.IntOrString) func(*policy.PodDisruptionBudget) {
	return func(pdb *policy.PodDisruptionBudget) { pdb.Spec.MinAvailable = &v }
}

func atMost(v intstr.IntOrString) func(*policy.PodDisruptionBudget) {
	return func(pdb *policy.PodDisruptionBudget) { pdb.Spec.MaxUnavailable = &v }
}

func letGo(pod string, at time.Time) func(*policy.PodDisruptionBudget) {
	return func(pdb *policy.PodDisruptionBudget) {
		pdb.Status.DisruptedPods = map[string]metav1.Time{pod: metav1.NewTime(at)}
	}
}

func ownedBy(apiVersion, kind, name string) func(*metav1.ObjectMeta) {
	return func(m *metav1.ObjectMeta) {
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}}
	}
}

// newPods makes ready pods, p0, p1, …
func newPods(n int, change ...func(*metav1.ObjectMeta)) []runtime.Object {
	var pods []runtime.Object
	for i := range n {
		p := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("p", i), Labels: map[string]string{"app": "x"}},
			Status:     v1.PodStatus{Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}},
		}
		for _, f := range change {
			f(&p.ObjectMeta)
		}
		pods = append(pods, p)
	}
	return pods
}

func named(name string, change ...func(*metav1.ObjectMeta)) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "a", Name: name, UID: types.UID(name)}
	for _, f := range change {
		f(&m)
	}
	return m
}

func get(t *testing.T, c *controllertest.Cluster) *policy.PodDisruptionBudget {
	t.Helper()
	pdb, err := c.Fake.PolicyV1().PodDisruptionBudgets("a").Get(context.Background(), "b", metav1.GetOptions{})
	require.NoError(t, err)
	return pdb
}

func TestStatus(t *testing.T) {
	percent := intstr.FromString
	number := intstr.FromInt32
	notReady := func(pods []runtime.Object, n int) []runtime.Object {
		for _, obj := range pods[:n] {
			obj.(*v1.Pod).Status.Conditions = nil
		}
		return pods
	}
	rs := ownedBy("apps/v1", "ReplicaSet", "rs")
	set := func(replicas int32, change ...func(*metav1.ObjectMeta)) runtime.Object {
		return &appsv1.ReplicaSet{ObjectMeta: named("rs", change...), Spec: appsv1.ReplicaSetSpec{Replicas: &replicas}}
	}
	for name, c := range map[string]struct {
		budget                              *policy.PodDisruptionBudget
		objects                             []runtime.Object
		healthy, desired, expected, allowed int32
		events                              []string
	}{
		"at least two of three":     {newBudget(atLeast(number(2))), newPods(3), 3, 2, 3, 1, nil},
		"at least two of two":       {newBudget(atLeast(number(2))), newPods(2), 2, 2, 2, 0, nil},
		"at least two, one is ill":  {newBudget(atLeast(number(2))), notReady(newPods(3), 1), 2, 2, 3, 0, nil},
		"at least two, all are ill": {newBudget(atLeast(number(2))), notReady(newPods(3), 3), 0, 2, 3, 0, nil},
		"no pods": {
			newBudget(atLeast(number(0))), nil, 0, 0, 0, 0, []string{"Normal NoPods No matching pods found"},
		},
		"half of a set":            {newBudget(atLeast(percent("50%"))), append(newPods(5, rs), set(5)), 5, 3, 5, 2, nil},
		"half of what a set wants": {newBudget(atLeast(percent("50%"))), append(newPods(3, rs), set(5)), 3, 3, 5, 0, nil},
		"at most one of a set":     {newBudget(atMost(number(1))), append(newPods(3, rs), set(3)), 3, 2, 3, 1, nil},
		"at most 30% of a set":     {newBudget(atMost(percent("30%"))), append(newPods(5, rs), set(5)), 5, 3, 5, 2, nil},
		"at most more than all":    {newBudget(atMost(number(9))), append(newPods(3, rs), set(3)), 3, 0, 3, 3, nil},
		"a deployment's": {
			newBudget(atMost(number(1))), append(newPods(3, rs), set(2, ownedBy("apps/v1", "Deployment", "d")),
				&appsv1.Deployment{ObjectMeta: named("d"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](4)}}),
			3, 3, 4, 0, nil,
		},
		"a stateful set's": {
			newBudget(atMost(number(1))), append(newPods(3, ownedBy("apps/v1", "StatefulSet", "ss")),
				&appsv1.StatefulSet{ObjectMeta: named("ss"), Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](3)}}),
			3, 2, 3, 1, nil,
		},
		"a replication controller's": {
			newBudget(atMost(number(1))), append(newPods(1, ownedBy("v1", "ReplicationController", "rc")),
				&v1.ReplicationController{ObjectMeta: named("rc")}),
			1, 0, 1, 1, nil,
		},
		"of two controllers": {
			newBudget(atMost(number(1))), append(append(newPods(3, rs), set(3)), &v1.Pod{ObjectMeta: named("other",
				ownedBy("v1", "ReplicationController", "rc"), func(m *metav1.ObjectMeta) { m.Labels = map[string]string{"app": "x"} })},
				&v1.ReplicationController{ObjectMeta: named("rc"), Spec: v1.ReplicationControllerSpec{Replicas: ptr.To[int32](2)}}),
			3, 4, 5, 0, nil,
		},
		"one was let go": {newBudget(atLeast(number(1)), letGo("p0", controllertest.Epoch)), newPods(3), 2, 1, 3, 1, nil},
		"one was let go and stayed": {
			newBudget(atLeast(number(1)), letGo("p0", controllertest.Epoch.Add(-deletionTimeout))), newPods(3), 3, 1, 3, 2,
			[]string{"Warning NotDeleted Pod was expected by PDB a/b to be deleted but it wasn't"},
		},
		"one was let go and went": {
			newBudget(atLeast(number(1)), letGo("p9", controllertest.Epoch)), newPods(3), 3, 1, 3, 2, nil,
		},
		"some are going": {
			newBudget(atLeast(number(1))), newPods(3, func(m *metav1.ObjectMeta) { m.DeletionTimestamp = &metav1.Time{} }), 0,
			1, 3, 0, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cl := controllertest.New(t, append(c.objects, c.budget)...)
			a := newAccountant(cl.Env)
			cl.Refresh()
			_, err := a.update(context.Background(), c.budget)
			require.NoError(t, err)
			pdb := get(t, cl)
			require.Equal(t, []int32{c.healthy, c.desired, c.expected, c.allowed},
				[]int32{pdb.Status.CurrentHealthy, pdb.Status.DesiredHealthy, pdb.Status.ExpectedPods, pdb.Status.DisruptionsAllowed})
			require.Equal(t, int64(3), pdb.Status.ObservedGeneration)
			condition := apimeta.FindStatusCondition(pdb.Status.Conditions, "DisruptionAllowed")
			require.NotNil(t, condition)
			if c.allowed > 0 {
				require.Equal(t, "SufficientPods", condition.Reason)
			} else {
				require.Equal(t, "InsufficientPods", condition.Reason)
			}
			require.Equal(t, c.events, cl.Events())

			cl.Refresh()
			cl.Writes()
			_, err = a.update(context.Background(), pdb)
			require.NoError(t, err)
			require.Empty(t, cl.Writes(), "once is enough")
		})
	}
}

func TestDisruptedPodsAreForgotten(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, append(newPods(3), newBudget(atLeast(intstr.FromInt32(1)), letGo("p0", controllertest.Epoch)))...)
	a := newAccountant(c.Env)
	c.Clock.Step(30 * time.Second)
	c.Refresh()
	require.Equal(t, controller.Later(90*time.Second), a.sync(ctx, "a/b"))
	require.Contains(t, get(t, c).Status.DisruptedPods, "p0")
	c.Clock.Step(90 * time.Second)
	c.Refresh()
	require.NoError(t, a.sync(ctx, "a/b"))
	require.Empty(t, get(t, c).Status.DisruptedPods)
}

func TestFailure(t *testing.T) {
	most := atMost(intstr.FromInt32(1))
	for name, c := range map[string]struct {
		budget  *policy.PodDisruptionBudget
		objects []runtime.Object
		message string
	}{
		"a controller without a scale": {
			newBudget(most), newPods(1, ownedBy("batch/v1", "Job", "j")), "Job a/j does not have a scale",
		},
		"a controller that is gone": {
			newBudget(most), newPods(1, ownedBy("apps/v1", "ReplicaSet", "rs")), `"rs" not found`,
		},
		"another of its name": {
			newBudget(most), append(newPods(1, ownedBy("apps/v1", "StatefulSet", "ss")), &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "ss"}}),
			"StatefulSet a/ss was replaced by another of its name",
		},
		"a bad percentage": {newBudget(atMost(intstr.FromString("many"))), newPods(1), "maxUnavailable"},
		"a bad selector": {
			newBudget(most, func(pdb *policy.PodDisruptionBudget) {
				pdb.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "x", Operator: "Near"}}
			}), nil, `"Near" is not a valid label selector operator`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.budget.Status.DisruptionsAllowed = 5
			cl := controllertest.New(t, append(c.objects, c.budget)...)
			a := newAccountant(cl.Env)
			cl.Refresh()
			require.ErrorContains(t, a.sync(context.Background(), "a/b"), c.message)
			pdb := get(t, cl)
			require.Zero(t, pdb.Status.DisruptionsAllowed)
			condition := apimeta.FindStatusCondition(pdb.Status.Conditions, "DisruptionAllowed")
			require.Equal(t, "SyncFailed", condition.Reason)
			require.Equal(t, metav1.ConditionFalse, condition.Status)
			require.Contains(t, condition.Message, c.message)
		})
	}
}

func TestConflictIsNoFailure(t *testing.T) {
	c := controllertest.New(t, append(newPods(2), newBudget(atLeast(intstr.FromInt32(1))))...)
	a := newAccountant(c.Env)
	c.Refresh()
	c.Fake.PrependReactor("update", "poddisruptionbudgets", func(core.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewConflict(policy.Resource("poddisruptionbudgets"), "b", nil)
	})
	require.True(t, apierrors.IsConflict(a.sync(context.Background(), "a/b")))
	require.Len(t, c.Writes(), 1, "the eviction that was faster is not overwritten")
}

func TestUnmanagedPods(t *testing.T) {
	c := controllertest.New(t, append(newPods(2), newBudget(atMost(intstr.FromInt32(1))))...)
	a := newAccountant(c.Env)
	c.Refresh()
	require.NoError(t, a.sync(context.Background(), "a/b"))
	events := c.Events()
	require.Len(t, events, 1)
	require.Contains(t, events[0], "Warning UnmanagedPods Pods selected by this PodDisruptionBudget")
	require.NoError(t, a.sync(context.Background(), "a/gone"))
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	pods := newPods(3)
	c := controllertest.New(t, append(pods, newBudget(atLeast(intstr.FromInt32(2))))...)
	c.Versions()
	c.Start(New(c.Env))
	c.Eventually(func() bool { return get(t, c).Status.DisruptionsAllowed == 1 }, "one may go")
	moved := pods[0].(*v1.Pod).DeepCopy()
	moved.Labels = nil
	_, err := c.Fake.CoreV1().Pods("a").Update(ctx, moved, metav1.UpdateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool { return get(t, c).Status.DisruptionsAllowed == 0 }, "a pod that is selected no more")
}
