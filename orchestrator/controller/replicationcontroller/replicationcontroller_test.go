package replicationcontroller

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/reference"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func rc(replicas int32) *v1.ReplicationController {
	web := map[string]string{"app": "web"}
	return &v1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid", Generation: 1},
		Spec: v1.ReplicationControllerSpec{
			Replicas: ptr.To(replicas), Selector: web,
			Template: &v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: web}},
		},
	}
}

func read(t *testing.T, c *controllertest.Cluster) *v1.ReplicationController {
	r, err := c.Client.CoreV1().ReplicationControllers("ns").Get(context.Background(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	return r
}

func TestADeadPodIsReplaced(t *testing.T) {
	c := controllertest.New(t, rc(2))
	c.Versions()
	c.RunPods(nil)
	c.Start(New(c.Env))
	c.Eventually(func() bool { return read(t, c).Status.ReadyReplicas == 2 }, "two pods")
	require.Equal(t, v1.ReplicationControllerStatus{
		Replicas: 2, FullyLabeledReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2, ObservedGeneration: 1,
	}, read(t, c).Status)
	dead := c.Pods(nil)[0]
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(rc(2), kind)}, dead.OwnerReferences)
	require.NoError(t, c.Client.CoreV1().Pods("ns").Delete(context.Background(), dead.Name, metav1.DeleteOptions{}))
	c.Eventually(func() bool {
		return len(c.Pods(func(p *v1.Pod) bool { return p.Name != dead.Name })) == 2
	}, "another in its place")
}

func TestAFailureIsACondition(t *testing.T) {
	c := controllertest.New(t, rc(1))
	c.Versions()
	c.Fake.PrependReactor("create", "pods", func(core.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("exceeded quota")
	})
	c.Start(New(c.Env))
	c.Eventually(func() bool { return len(read(t, c).Status.Conditions) == 1 }, "a condition")
	require.Equal(t, v1.ReplicationControllerReplicaFailure, read(t, c).Status.Conditions[0].Type)
	require.Equal(t, "FailedCreate", read(t, c).Status.Conditions[0].Reason)
}

func TestNothingIsWrittenThatIsThere(t *testing.T) {
	c := controllertest.New(t, rc(0))
	s := &sets{client: c.Client, lister: c.Informers.Core().V1().ReplicationControllers().Lister()}
	c.Refresh()
	set, err := s.Get("ns", "web")
	require.NoError(t, err)
	status := set.Status.DeepCopy()
	status.TerminatingReplicas = ptr.To(int32(0)) // for which there is no field
	require.NoError(t, s.UpdateStatus(context.Background(), set, status))
	require.Empty(t, c.Writes())
}

func TestEventsAreAboutTheRealKind(t *testing.T) {
	ref, err := reference.GetReference(runtime.NewScheme(), shown(rc(1)))
	require.NoError(t, err)
	require.Equal(t, "ReplicationController", ref.Kind)
	require.Equal(t, "v1", ref.APIVersion)
}

func TestNoTemplateIsNoPanic(t *testing.T) {
	bare := rc(1)
	bare.Spec.Template = nil
	require.Empty(t, shown(bare).Spec.Template.Labels)
}
