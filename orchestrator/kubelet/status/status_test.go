package status

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
)

const (
	patience = 20 * time.Second
	often    = 2 * time.Millisecond
)

// What a runtime can have of a container.
func running(name string) cri.Container {
	return cri.Container{ID: name, Name: name, State: runtimeapi.ContainerState_CONTAINER_RUNNING, SandboxID: "s"}
}

func exited(name string, code int32) cri.Container {
	return cri.Container{ID: name, Name: name, State: runtimeapi.ContainerState_CONTAINER_EXITED, ExitCode: code, SandboxID: "s"}
}

// podOf is a pod of these containers.
func podOf(policy v1.RestartPolicy, containers ...string) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "1", Generation: 7}, Spec: v1.PodSpec{RestartPolicy: policy}}
	for _, name := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: name})
	}
	return pod
}

// facts are those of a pod with these containers in the runtime, the newest first, all ready.
func facts(containers ...cri.Container) Facts {
	yes := func(string, string) bool { return true }
	return Facts{
		Runtime: "r", HostIPs: []string{"192.0.2.1"}, Old: &v1.PodStatus{}, Ready: yes, Started: yes, Now: time.Unix(1000, 0),
		State: &cri.Pod{Sandboxes: []cri.Sandbox{{ID: "s", Ready: true, IPs: []string{"10.0.0.1"}}}, Containers: containers},
	}
}

func TestPhases(t *testing.T) {
	over := func(f Facts) Facts { f.Over = true; return f }
	old := func(f Facts, phase v1.PodPhase) Facts { f.Old.Phase = phase; return f }
	for _, c := range []struct {
		what  string
		pod   *v1.Pod
		facts Facts
		phase v1.PodPhase
	}{
		{"nothing yet", podOf(v1.RestartPolicyAlways, "a"), facts(), v1.PodPending},
		{"one of two", podOf(v1.RestartPolicyAlways, "a", "b"), facts(running("a")), v1.PodPending},
		{"all", podOf(v1.RestartPolicyAlways, "a", "b"), facts(running("a"), running("b")), v1.PodRunning},
		{"one will run again", podOf(v1.RestartPolicyAlways, "a"), facts(exited("a", 1)), v1.PodRunning},
		{"all done, not yet over", podOf(v1.RestartPolicyNever, "a"), facts(exited("a", 0)), v1.PodRunning},
		{"all done", podOf(v1.RestartPolicyNever, "a"), over(facts(exited("a", 0))), v1.PodSucceeded},
		{"one failed", podOf(v1.RestartPolicyNever, "a", "b"), over(facts(exited("a", 0), exited("b", 1))), v1.PodFailed},
		{"ended before it ran", podOf(v1.RestartPolicyAlways, "a"), over(facts()), v1.PodFailed},
		{"a final phase stays", podOf(v1.RestartPolicyNever, "a"), old(facts(running("a")), v1.PodSucceeded), v1.PodSucceeded},
	} {
		require.Equal(t, c.phase, Compute(c.pod, c.facts).Phase, c.what)
	}
}

func TestRestartRules(t *testing.T) {
	pod := podOf(v1.RestartPolicyNever, "c")
	c := &pod.Spec.Containers[0]
	require.False(t, Restarts(pod, c, 42))
	c.RestartPolicyRules = []v1.ContainerRestartRule{{
		Action:    v1.ContainerRestartRuleActionRestart,
		ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}},
	}}
	require.True(t, Restarts(pod, c, 42))
	require.False(t, Restarts(pod, c, 1))
	c.RestartPolicy = ptr.To(v1.ContainerRestartPolicyOnFailure)
	require.True(t, Restarts(pod, c, 1))
	require.False(t, RestartsInit(pod, c, 0))
}

// condition is a condition's status and reason.
func condition(s v1.PodStatus, t v1.PodConditionType) (v1.ConditionStatus, string) {
	for _, c := range s.Conditions {
		if c.Type == t {
			return c.Status, c.Reason
		}
	}
	return "", ""
}

func TestConditions(t *testing.T) {
	check := func(s v1.PodStatus, kind v1.PodConditionType, status v1.ConditionStatus, reason string) {
		t.Helper()
		gotStatus, gotReason := condition(s, kind)
		require.Equal(t, status, gotStatus, kind)
		require.Equal(t, reason, gotReason, kind)
	}
	pod := podOf(v1.RestartPolicyAlways, "a")
	s := Compute(pod, facts(running("a")))
	check(s, v1.PodReady, v1.ConditionTrue, "")
	check(s, v1.ContainersReady, v1.ConditionTrue, "")
	check(s, v1.PodInitialized, v1.ConditionTrue, "")
	check(s, v1.PodReadyToStartContainers, v1.ConditionTrue, "")
	require.EqualValues(t, 7, s.Conditions[0].ObservedGeneration)

	f := facts(running("a"))
	f.Ready = func(string, string) bool { return false }
	check(Compute(pod, f), v1.PodReady, v1.ConditionFalse, "ContainersNotReady")

	pod.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "gate"}}
	s = Compute(pod, facts(running("a")))
	check(s, v1.PodReady, v1.ConditionFalse, "ReadinessGatesNotReady")
	check(s, v1.ContainersReady, v1.ConditionTrue, "")
	pod.Status.Conditions = []v1.PodCondition{{Type: "gate", Status: v1.ConditionTrue}}
	s = Compute(pod, facts(running("a")))
	check(s, v1.PodReady, v1.ConditionTrue, "")
	check(s, "gate", v1.ConditionTrue, "")

	later := facts(running("a"))
	later.Now, later.Old = time.Unix(2000, 0), &s
	require.Equal(t, time.Unix(1000, 0), Compute(pod, later).Conditions[1].LastTransitionTime.Time, "nothing has changed")

	pod.Spec.InitContainers = []v1.Container{{Name: "i"}}
	s = Compute(pod, facts(running("i")))
	check(s, v1.PodInitialized, v1.ConditionFalse, "ContainersNotInitialized")
	require.Equal(t, "PodInitializing", s.ContainerStatuses[0].State.Waiting.Reason)
}

// What the runtime has forgotten of a pod that was ended is told as such.
func TestContainersThatAreGone(t *testing.T) {
	f := facts()
	f.Over = true
	f.Old.ContainerStatuses = []v1.ContainerStatus{{Name: "a", ContainerID: "r://x", RestartCount: 3, State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}}
	s := Compute(podOf(v1.RestartPolicyAlways, "a"), f)
	require.Equal(t, "ContainerStatusUnknown", s.ContainerStatuses[0].State.Terminated.Reason)
	require.EqualValues(t, 3, s.ContainerStatuses[0].RestartCount)
}

// begin runs a manager on an apiserver that has a pod.
func begin(t *testing.T, pod *v1.Pod) (*Manager, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset(pod)
	m := NewManager(client)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return m, client
}

// object is what the apiserver has; nil if nothing.
func object(t *testing.T, client *fake.Clientset) *v1.Pod {
	t.Helper()
	pod, err := client.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return pod
}

func TestAStatusIsWritten(t *testing.T) {
	pod := podOf(v1.RestartPolicyAlways, "a")
	pod.Status.Conditions = []v1.PodCondition{{Type: "theirs", Status: v1.ConditionTrue}}
	pod.Status.NominatedNodeName = "elsewhere"
	m, client := begin(t, pod)
	var failed atomic.Bool
	client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		if failed.CompareAndSwap(false, true) {
			return true, nil, errors.New("not now")
		}
		return false, nil, nil
	})
	m.Set(pod, Compute(pod, facts(running("a"))))
	require.Eventually(t, func() bool { return object(t, client).Status.Phase == v1.PodRunning }, patience, often)
	s := object(t, client).Status
	status, _ := condition(s, "theirs")
	require.Equal(t, v1.ConditionTrue, status)
	require.Equal(t, "elsewhere", s.NominatedNodeName)
	require.True(t, failed.Load())
}

func TestAnotherPodOfTheNameIsLeftAlone(t *testing.T) {
	pod := podOf(v1.RestartPolicyAlways, "a")
	m, client := begin(t, pod)
	before := pod.DeepCopy()
	before.UID = "0"
	require.NoError(t, m.write(t.Context(), before.UID), "of which nothing is known")
	m.Set(before, Compute(before, facts(running("a"))))
	require.NoError(t, m.write(t.Context(), before.UID))
	require.Empty(t, object(t, client).Status.Phase)
}

func TestAMirrorShowsTheStaticPodsStatus(t *testing.T) {
	static := podOf(v1.RestartPolicyAlways, "a")
	mirror := static.DeepCopy()
	mirror.UID, mirror.Annotations = types.UID("mirror"), map[string]string{source.AnnotationMirror: "1"}
	began := metav1.Unix(1, 0)
	mirror.Status.StartTime = &began
	m, client := begin(t, mirror)
	m.Set(static, Compute(static, facts(running("a"))))
	require.Eventually(t, func() bool { return object(t, client).Status.Phase == v1.PodRunning }, patience, often)
	require.True(t, began.Equal(object(t, client).Status.StartTime), "a kubelet that was restarted doesn't make it begin anew")
}

func TestAnObjectGoesWhenAllIsGone(t *testing.T) {
	pod := podOf(v1.RestartPolicyAlways, "a")
	pod.DeletionTimestamp, pod.Finalizers = &metav1.Time{Time: time.Now()}, []string{"test/keeps"}
	m, client := begin(t, pod)
	m.Set(pod, Compute(pod, facts(running("a"))))
	require.Eventually(t, func() bool { return object(t, client).Status.Phase == v1.PodRunning }, patience, often)
	deletions := func() (n int) {
		for _, a := range client.Actions() {
			if d, is := a.(clienttesting.DeleteActionImpl); is && *d.DeleteOptions.GracePeriodSeconds == 0 && *d.DeleteOptions.Preconditions.UID == "1" {
				n++
			}
		}
		return n
	}
	require.Zero(t, deletions())
	m.Finished(pod.UID)
	require.Eventually(t, func() bool { return deletions() > 0 }, patience, often)
}
