package podworker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/kubelet/crifake"
	"github.com/petcd/petcd/orchestrator/kubelet/probe"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

func TestAPodRuns(t *testing.T) {
	b := newBench(t)
	pod := podOf("web", "a", "b")
	b.m.Update(pod)
	b.untilRunning("a", "b")
	b.until(pod, "ready", func(s *v1.PodStatus) bool { return ready(s) })
	s := b.status.Get(pod.UID)
	require.Equal(t, v1.PodRunning, s.Phase)
	require.NotEmpty(t, s.PodIP)
	require.Equal(t, "192.0.2.1", s.HostIP)
	require.Equal(t, "fake://", s.ContainerStatuses[0].ContainerID[:7])
	require.Equal(t, filepath.Join("a", "0.log"), b.runtime.Config("a").LogPath)
	hosts, err := os.ReadFile(filepath.Join(b.parts.PodDir(pod.UID), "etc-hosts"))
	require.NoError(t, err)
	require.Contains(t, string(hosts), s.PodIP+"\tweb\n")
}

func ready(s *v1.PodStatus) bool {
	return slices.ContainsFunc(s.Conditions, func(c v1.PodCondition) bool { return c.Type == v1.PodReady && c.Status == v1.ConditionTrue })
}

// A kubelet that was restarted finds its pods and leaves them alone.
func TestARestartedKubeletTouchesNothing(t *testing.T) {
	b := newBench(t)
	pod := podOf("web", "a", "b")
	pod.Spec.InitContainers = []v1.Container{{Name: "init", Image: "image"}}
	b.m.Update(pod)
	b.untilRunning("init")
	b.runtime.Exit("init", 0)
	b.untilRunning("a", "b")
	b.until(pod, "ready", ready)
	b.stop()
	b.runtime.Forget()
	b.begin(func(o *Options) {
		o.Admit = func(*v1.Pod, []*v1.Pod) *status.End { return &status.End{Reason: "OutOfcpu"} }
	})
	b.m.Update(pod)
	b.until(pod, "ready again", ready)
	require.Empty(t, b.runtime.Calls())
}

func TestContainersAreRestartedByPolicy(t *testing.T) {
	for _, c := range []struct {
		policy   v1.RestartPolicy
		code     int32
		restarts bool
		phase    v1.PodPhase
	}{
		{v1.RestartPolicyAlways, 0, true, v1.PodRunning},
		{v1.RestartPolicyAlways, 1, true, v1.PodRunning},
		{v1.RestartPolicyOnFailure, 1, true, v1.PodRunning},
		{v1.RestartPolicyOnFailure, 0, false, v1.PodSucceeded},
		{v1.RestartPolicyNever, 0, false, v1.PodSucceeded},
		{v1.RestartPolicyNever, 1, false, v1.PodFailed},
	} {
		t.Run(fmt.Sprintf("%s %d", c.policy, c.code), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			pod := podOf("p", "c")
			pod.Spec.RestartPolicy = c.policy
			b.m.Update(pod)
			b.untilRunning("c")
			b.runtime.Exit("c", c.code)
			if !c.restarts {
				b.untilPhase(pod, c.phase)
				require.Empty(t, b.runtime.Running())
				b.untilTorn(pod)
				require.Positive(t, b.runtime.Left(), "its logs can still be read")
				return
			}
			b.until(pod, "restarted", func(s *v1.PodStatus) bool {
				one := s.ContainerStatuses[0]
				return one.State.Running != nil && one.RestartCount == 1 && one.LastTerminationState.Terminated != nil
			})
			s := b.status.Get(pod.UID)
			require.Equal(t, c.phase, s.Phase)
			require.Equal(t, c.code, s.ContainerStatuses[0].LastTerminationState.Terminated.ExitCode)
			require.Equal(t, filepath.Join("c", "1.log"), b.runtime.Config("c").LogPath)
		})
	}
}

func TestAContainerThatKeepsCrashingWaits(t *testing.T) {
	b := newBench(t)
	b.stop()
	b.begin(func(o *Options) { o.BackOff, o.MaxBackOff = time.Hour, 2*time.Hour })
	pod := podOf("p", "c", "fine")
	b.m.Update(pod)
	b.untilRunning("c", "fine")
	b.runtime.Exit("c", 1)
	b.until(pod, "restarted at once the first time", func(s *v1.PodStatus) bool {
		return s.ContainerStatuses[0].RestartCount == 1 && s.ContainerStatuses[0].State.Running != nil
	})
	b.runtime.Exit("c", 2)
	b.until(pod, "waiting", func(s *v1.PodStatus) bool { return s.ContainerStatuses[0].State.Waiting != nil })
	one := b.status.Get(pod.UID).ContainerStatuses[0]
	require.Equal(t, "CrashLoopBackOff", one.State.Waiting.Reason)
	require.Equal(t, "back-off 1h0m0s restarting failed container=c pod=p_ns(uid-p)", one.State.Waiting.Message)
	require.EqualValues(t, 2, one.LastTerminationState.Terminated.ExitCode)
	require.Equal(t, v1.PodRunning, b.status.Get(pod.UID).Phase)
	b.event("BackOff Back-off restarting failed container c in pod p_ns(uid-p)")
	require.Equal(t, []string{"fine"}, b.runtime.Running())
	require.True(t, eventually(func() bool { return b.runtime.Left() == 3 }), "the sandbox, the one that runs, and the last one that crashed")
}

func TestInitContainersRunInOrder(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "app")
	pod.Spec.InitContainers = []v1.Container{
		{Name: "first", Image: "image"},
		{Name: "side", Image: "image", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)},
		{Name: "second", Image: "image"},
	}
	b.parts.unstarted["side"] = true
	b.m.Update(pod)
	b.untilRunning("first")
	b.until(pod, "initializing", func(s *v1.PodStatus) bool {
		return s.Phase == v1.PodPending && s.ContainerStatuses[0].State.Waiting.Reason == "PodInitializing"
	})
	b.runtime.Exit("first", 1)
	b.until(pod, "tried again", func(s *v1.PodStatus) bool {
		return s.InitContainerStatuses[0].RestartCount == 1 && s.InitContainerStatuses[0].State.Running != nil
	})
	b.runtime.Exit("first", 0)
	b.untilRunning("side")
	b.parts.mu.Lock()
	b.parts.unstarted["side"] = false
	b.parts.mu.Unlock()
	b.parts.changed <- pod.UID
	b.untilRunning("second", "side")
	b.runtime.Exit("second", 0)
	b.untilRunning("app", "side")
	b.runtime.Exit("side", 0)
	b.until(pod, "with its sidecar again", func(s *v1.PodStatus) bool {
		return s.InitContainerStatuses[1].RestartCount == 1 && s.InitContainerStatuses[1].State.Running != nil
	})
	require.NotContains(t, b.runtime.Calls(), "StopContainer app 5")
}

func TestAnInitContainerThatFailsForGoodFailsThePod(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "app")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	pod.Spec.InitContainers = []v1.Container{{Name: "init", Image: "image"}}
	b.m.Update(pod)
	b.untilRunning("init")
	b.runtime.Exit("init", 7)
	b.untilPhase(pod, v1.PodFailed)
	require.Nil(t, b.runtime.Config("app"))
}

// Sidecars end when the app containers have, the last one first.
func TestSidecarsEndLast(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "app")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	for _, name := range []string{"one", "two"} {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, v1.Container{Name: name, Image: "image", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)})
	}
	b.m.Update(pod)
	b.untilRunning("app", "one", "two")
	b.runtime.Exit("app", 0)
	b.untilPhase(pod, v1.PodSucceeded)
	calls := b.runtime.Calls()
	require.Less(t, slices.Index(calls, "StopContainer two 5"), slices.Index(calls, "StopContainer one 5"))
	require.NotContains(t, calls, "StopContainer app 5")
}

func TestADeletedPodIsEnded(t *testing.T) {
	pod := podOf("p", "a", "b")
	pod.Spec.Containers[0].Lifecycle = &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"bye"}}}}
	going := deleted(pod, 9)
	going.Finalizers = []string{"test/keeps"} // the fake apiserver has no deletions that wait for a kubelet
	b := newBench(t, going)
	b.m.Update(pod)
	b.untilRunning("a", "b")
	b.until(pod, "ready", ready)
	b.m.Update(going)
	b.untilRunning()
	b.until(pod, "over", func(s *v1.PodStatus) bool { return s.Phase == v1.PodFailed }) // both were told to end: exit code 143
	require.True(t, eventually(func() bool {
		return slices.ContainsFunc(b.client.Actions(), func(a clienttesting.Action) bool { return a.GetVerb() == "delete" })
	}), "its object is deleted")
	calls := b.runtime.Calls()
	require.Less(t, slices.Index(calls, "ExecSync a bye"), slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "StopContainer a") }))
	require.Contains(t, calls, "StopContainer b 9", "the deletion's grace period counts")
	require.Positive(t, b.runtime.Left())
	b.m.Remove(pod.UID)
	b.untilClear()
	require.True(t, eventually(func() bool { return !b.m.Known(pod.UID) }))
	require.NoDirExists(t, filepath.Join(b.parts.dir, "logs", "ns_p_uid-p"))
	require.NoDirExists(t, b.parts.PodDir(pod.UID))
}

// A deletion with a shorter grace period overtakes one that is under way.
func TestAShorterGracePeriodOvertakes(t *testing.T) {
	b := newBench(t)
	b.runtime.Stubborn["c"] = true
	pod := podOf("p", "c")
	b.m.Update(pod)
	b.untilRunning("c")
	b.m.Update(deleted(pod, 3600))
	require.True(t, eventually(func() bool { return slices.Contains(b.runtime.Calls(), "StopContainer c 3600") }))
	b.m.Update(deleted(pod, 1))
	b.untilRunning()
	require.Contains(t, b.runtime.Calls(), "StopContainer c 1")
}

// A pod that is deleted while its image is pulled doesn't start.
func TestADeletedPodDoesNotStart(t *testing.T) {
	b := newBench(t)
	b.parts.broken["image"] = true
	pod := podOf("p", "c")
	b.m.Update(pod)
	b.until(pod, "waiting for its image", func(s *v1.PodStatus) bool {
		w := s.ContainerStatuses[0].State.Waiting
		return w != nil && w.Reason == "ErrImagePull" && s.Phase == v1.PodPending
	})
	b.m.Remove(pod.UID)
	b.untilClear()
	require.NotContains(t, b.runtime.Calls(), "CreateContainer c")
}

func TestAPodGetsANewSandbox(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.InitContainers = []v1.Container{{Name: "init", Image: "image"}}
	b.m.Update(pod)
	b.untilRunning("init")
	b.runtime.Exit("init", 0)
	b.untilRunning("c")
	b.until(pod, "ready", ready)
	first := b.status.Get(pod.UID).PodIP
	b.runtime.KillSandbox("p")
	b.untilRunning("init") // its network is another one
	b.runtime.Exit("init", 0)
	b.untilRunning("c")
	b.until(pod, "ready at another address", func(s *v1.PodStatus) bool { return ready(s) && s.PodIP != first })
	require.EqualValues(t, 1, b.status.Get(pod.UID).ContainerStatuses[0].RestartCount)
}

func TestAPodThatNeverRestartsGetsNoNewSandbox(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	b.m.Update(pod)
	b.untilRunning("c")
	b.runtime.KillSandbox("p")
	b.untilPhase(pod, v1.PodFailed)
	require.EqualValues(t, crifake.Killed, b.status.Get(pod.UID).ContainerStatuses[0].State.Terminated.ExitCode)
	require.Equal(t, 1, count(b.runtime.Calls(), "RunPodSandbox p"))
}

func count(list []string, what string) int {
	n := 0
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

func TestWhatProbesGiveUpIsRestarted(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.Containers[0].LivenessProbe = &v1.Probe{TerminationGracePeriodSeconds: ptr.To(int64(3))}
	b.m.Update(pod)
	b.untilRunning("c")
	b.until(pod, "ready", ready)
	id := strings.TrimPrefix(b.status.Get(pod.UID).ContainerStatuses[0].ContainerID, "fake://")
	b.parts.unhealthy <- probe.Failure{UID: pod.UID, Container: "c", ContainerID: id, Message: "Container c failed liveness probe"}
	b.until(pod, "restarted", func(s *v1.PodStatus) bool {
		return s.ContainerStatuses[0].RestartCount == 1 && s.ContainerStatuses[0].State.Running != nil
	})
	require.Contains(t, b.runtime.Calls(), "StopContainer c 3", "the probe's grace period counts")
	b.event("Killing Container c failed liveness probe, will be restarted")
}

func TestAnotherImageIsAnotherContainer(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "a", "b")
	b.m.Update(pod)
	b.untilRunning("a", "b")
	changed := pod.DeepCopy()
	changed.Spec.Containers[0].Image = "other"
	b.m.Update(changed)
	require.True(t, eventually(func() bool { return b.runtime.Config("a").Image.Image == "other" && len(b.runtime.Running()) == 2 }))
	require.Equal(t, 1, count(b.runtime.Calls(), "StartContainer b"))
	b.event("Container a definition changed, will be restarted")
}

func TestAHookThatFailsEndsTheContainer(t *testing.T) {
	b := newBench(t)
	b.runtime.Command = func(string, []string) (string, int) { return "", 1 }
	pod := podOf("p", "c")
	pod.Spec.Containers[0].Lifecycle = &v1.Lifecycle{PostStart: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"hi"}}}}
	b.m.Update(pod)
	b.event("FailedPostStartHook PostStartHook failed")
	b.until(pod, "waiting", func(s *v1.PodStatus) bool { return s.ContainerStatuses[0].RestartCount > 0 })
}

func TestLastWords(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "file", "log")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].TerminationMessagePath = "/dev/termination-log"
		pod.Spec.Containers[i].TerminationMessagePolicy = v1.TerminationMessageFallbackToLogsOnError
	}
	b.m.Update(pod)
	b.untilRunning("file", "log")
	for _, m := range b.runtime.Config("file").Mounts {
		if m.ContainerPath == "/dev/termination-log" {
			require.NoError(t, os.WriteFile(m.HostPath, []byte("from the file\xff"), 0o600))
		}
	}
	log := filepath.Join(b.parts.dir, "logs", "ns_p_uid-p", "log", "0.log")
	require.NoError(t, os.WriteFile(log, []byte("2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:00Z stderr P tw\n2026-01-01T00:00:00Z stderr F o\n"), 0o600))
	b.runtime.Exit("log", 1)
	b.runtime.Exit("file", 0)
	b.untilPhase(pod, v1.PodFailed)
	b.untilTorn(pod)
	s := b.status.Get(pod.UID)
	require.Equal(t, "from the file\uFFFD", s.ContainerStatuses[0].State.Terminated.Message, "though the pod's folder is gone")
	require.Equal(t, "one\ntwo\n", s.ContainerStatuses[1].State.Terminated.Message)
}

func TestAPodThatIsEvicted(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	b.m.Update(pod)
	b.untilRunning("c")
	require.NoError(t, b.m.Evict(t.Context(), pod, 1, "Evicted", "The node was low on resource: memory. "))
	require.Empty(t, b.runtime.Running())
	b.untilPhase(pod, v1.PodFailed)
	s := b.status.Get(pod.UID)
	require.Equal(t, "Evicted", s.Reason)
	require.True(t, slices.ContainsFunc(s.Conditions, func(c v1.PodCondition) bool { return c.Type == v1.DisruptionTarget }))
	require.Contains(t, b.runtime.Calls(), "StopContainer c 1")
}

func TestAPodThatIsNotAdmitted(t *testing.T) {
	b := newBench(t)
	b.stop()
	b.begin(func(o *Options) {
		o.Admit = func(pod *v1.Pod, active []*v1.Pod) *status.End {
			if len(active) == 0 {
				return nil
			}
			return &status.End{Reason: "OutOfpods", Message: "Node didn't have enough resource: pods"}
		}
	})
	b.m.Update(podOf("first", "c"))
	b.untilRunning("c")
	second := podOf("second", "d")
	b.m.Update(second)
	b.untilPhase(second, v1.PodFailed)
	require.Equal(t, "OutOfpods", b.status.Get(second.UID).Reason)
	require.Nil(t, b.runtime.Config("d"))
}

func TestAPodEndsAtItsDeadline(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.ActiveDeadlineSeconds = ptr.To(int64(1))
	b.m.Update(pod)
	b.untilRunning("c")
	b.untilPhase(pod, v1.PodFailed)
	require.Equal(t, "DeadlineExceeded", b.status.Get(pod.UID).Reason)
}

// A static pod with a changed manifest is another pod of the same name: the old one ends first.
func TestAStaticPodWaitsForItsName(t *testing.T) {
	b := newBench(t)
	b.stop()
	b.begin(func(o *Options) {
		o.Admit = func(_ *v1.Pod, active []*v1.Pod) *status.End {
			if len(active) > 0 { // the old one has the port that the new one wants, say
				return &status.End{Reason: "NodePorts"}
			}
			return nil
		}
	})
	static := func(uid, container string) *v1.Pod {
		pod := podOf("etcd-here", container)
		pod.UID, pod.Annotations = types.UID(uid), map[string]string{source.AnnotationSource: "file", source.AnnotationHash: uid}
		return pod
	}
	b.runtime.Stubborn["old"] = true
	old := static("1", "old")
	old.Spec.TerminationGracePeriodSeconds = ptr.To(int64(1))
	b.m.Update(old)
	b.untilRunning("old")
	b.m.Remove("1")
	b.m.Update(static("2", "new"))
	b.untilRunning("new")
	calls := b.runtime.Calls()
	require.Less(t, slices.Index(calls, "StopPodSandbox etcd-here"), slices.Index(calls, "CreateContainer new"))
}

// What an earlier process left running and nobody wants any more is ended.
func TestOrphansAreEnded(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.Containers[0].Lifecycle = &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"bye"}}}}
	b.m.Update(pod)
	b.untilRunning("c")
	b.stop()
	b.begin()
	b.m.Housekeep(t.Context())
	b.untilClear()
	require.True(t, eventually(func() bool { return !b.m.Known(pod.UID) }))
	require.Contains(t, b.runtime.Calls(), "ExecSync c bye")
	require.Contains(t, b.runtime.Calls(), "StopContainer c 5")
	require.NoDirExists(t, filepath.Join(b.parts.dir, "logs", "ns_p_uid-p"))
}

// A runtime that fails is asked again.
func TestFailuresArePassing(t *testing.T) {
	b := newBench(t)
	failed := map[string]bool{}
	b.runtime.Fail = func(call, what string) error {
		if !failed[call] {
			failed[call] = true
			return errBroken
		}
		return nil
	}
	pod := podOf("p", "c")
	b.m.Update(pod)
	b.event("FailedCreatePodSandBox Failed to create pod sandbox: broken")
	b.event("Failed Error: broken")
	b.untilRunning("c")
	require.True(t, eventually(func() bool {
		b.m.Wake(pod.UID) // removing fails, too, and is tried at the next look
		return b.runtime.Left() == 2
	}), "the attempt that was never started is removed")
	b.m.Remove(pod.UID)
	b.untilClear()
}

func TestOldAttemptsGo(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	b.m.Update(pod)
	for n := range int32(4) {
		b.until(pod, "running", func(s *v1.PodStatus) bool {
			return s.ContainerStatuses[0].RestartCount == n && s.ContainerStatuses[0].State.Running != nil
		})
		b.runtime.Exit("c", 1)
	}
	require.True(t, eventually(func() bool { return b.runtime.Left() == 3 }), "the sandbox, the one that runs, and the one before it")
}

func TestAnEphemeralContainerIsStartedOnce(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	b.m.Update(pod)
	b.untilRunning("c")
	pod = pod.DeepCopy()
	pod.Spec.EphemeralContainers = []v1.EphemeralContainer{{
		EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug", Image: "image"}, TargetContainerName: "c",
	}}
	b.m.Update(pod)
	b.untilRunning("c", "debug")
	require.NotEmpty(t, b.runtime.Config("debug").Linux.SecurityContext.NamespaceOptions.TargetId)
	b.runtime.Exit("debug", 0)
	b.until(pod, "debugged", func(s *v1.PodStatus) bool {
		return len(s.EphemeralContainerStatuses) == 1 && s.EphemeralContainerStatuses[0].State.Terminated != nil
	})
	require.Equal(t, 1, count(b.runtime.Calls(), "CreateContainer debug"))
}

func TestNobodyRunsAsRootWhoMustNot(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.SecurityContext = &v1.PodSecurityContext{RunAsNonRoot: ptr.To(true)}
	b.m.Update(pod)
	b.until(pod, "refused", func(s *v1.PodStatus) bool {
		w := s.ContainerStatuses[0].State.Waiting
		return w != nil && w.Reason == "CreateContainerConfigError" && strings.HasPrefix(w.Message, "container has runAsNonRoot and image will run as root")
	})
}

// The status of an earlier time counts until something better is known.
func TestAFinishedPodStaysFinished(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Status = v1.PodStatus{Phase: v1.PodSucceeded, StartTime: &metav1.Time{Time: time.Now()}, ContainerStatuses: []v1.ContainerStatus{{
		Name: "c", ContainerID: "fake://gone", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{Reason: "Completed", ContainerID: "fake://gone"}},
	}}}
	b.m.Update(pod)
	b.untilPhase(pod, v1.PodSucceeded)
	require.Equal(t, "Completed", b.status.Get(pod.UID).ContainerStatuses[0].State.Terminated.Reason)
	require.Nil(t, b.runtime.Config("c"))
}
