package probe

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

// world is a manager whose containers answer as the test says. Its tests run in bubbles, in which time passes when all wait.
type world struct {
	*Manager
	events *record.FakeRecorder

	mu       sync.Mutex
	statuses map[types.UID]*v1.PodStatus
	answers  map[string]int32 // by command; -1: can't be asked, -2: takes too long
	asked    map[string]int
	failures []Failure
	changes  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{statuses: map[types.UID]*v1.PodStatus{}, answers: map[string]int32{}, asked: map[string]int{}, events: record.NewFakeRecorder(1000)}
	w.Manager = New(Options{Exec: w.exec, Status: w.status, Recorder: w.events})
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case f := <-w.Unhealthy():
				w.mu.Lock()
				w.failures = append(w.failures, f)
				w.mu.Unlock()
			case <-w.Changed():
				w.mu.Lock()
				w.changes++
				w.mu.Unlock()
			case <-ended:
				return
			}
		}
	}()
	t.Cleanup(func() {
		w.Stop()
		close(ended)
	})
	return w
}

func (w *world) exec(_ context.Context, id string, cmd []string, timeout time.Duration) ([]byte, int32, error) {
	w.mu.Lock()
	w.asked[cmd[0]]++
	code := w.answers[cmd[0]]
	w.mu.Unlock()
	switch code {
	case -1:
		return nil, 0, errors.New("no runtime")
	case -2:
		time.Sleep(timeout)
		return nil, 0, context.DeadlineExceeded
	}
	return []byte("said by " + id), code, nil
}

func (w *world) status(uid types.UID) *v1.PodStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.statuses[uid].DeepCopy()
}

// answer sets what a command answers.
func (w *world) answer(cmd string, code int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[cmd] = code
}

// times is how often a command was asked.
func (w *world) times(cmd string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[cmd]
}

func (w *world) failed() []Failure {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures
}

// runs says that a container of an ID has just started.
func (w *world) runs(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statuses["u"] = &v1.PodStatus{PodIP: "127.0.0.1", ContainerStatuses: []v1.ContainerStatus{{
		Name: "c", ContainerID: "containerd://" + id, State: v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}}}
}

// pass lets time pass, and all that happens by then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// command is a probe that asks once a second, after which one answer counts.
func command(name string) *v1.Probe {
	return &v1.Probe{
		ProbeHandler:  v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{name}}},
		PeriodSeconds: 1, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1,
	}
}

func podWith(startup, liveness, readiness *v1.Probe) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", StartupProbe: startup, LivenessProbe: liveness, ReadinessProbe: readiness}}},
	}
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := command("r")
		p.PeriodSeconds, p.SuccessThreshold, p.FailureThreshold, p.InitialDelaySeconds = 2, 2, 3, 5
		w.Add(podWith(nil, nil, p))
		w.Add(podWith(nil, nil, p)) // known already
		pass(10 * time.Second)
		require.Zero(t, w.times("r"), "there is no container")
		w.runs("1")
		require.True(t, w.Started("u", "c", "1"), "without a startup probe")
		require.False(t, w.Ready("u", "c", "1"))
		pass(4900 * time.Millisecond)
		require.Zero(t, w.times("r"), "the initial delay")
		pass(1100 * time.Millisecond)
		require.Equal(t, 1, w.times("r"))
		require.False(t, w.Ready("u", "c", "1"), "one answer isn't enough")
		pass(2 * time.Second)
		require.True(t, w.Ready("u", "c", "1"))
		require.True(t, w.Ready("u", "c", "containerd://1"), "as statuses write it")
		require.False(t, w.Ready("u", "c", "2"), "of another container")
		require.Equal(t, 1, w.changes)

		w.answer("r", 1)
		pass(4 * time.Second)
		require.True(t, w.Ready("u", "c", "1"), "two of three")
		w.answer("r", 0)
		pass(2 * time.Second)
		w.answer("r", 1)
		pass(4 * time.Second)
		require.True(t, w.Ready("u", "c", "1"), "not three in a row")
		pass(2 * time.Second)
		require.False(t, w.Ready("u", "c", "1"))
		require.Equal(t, 2, w.changes)
		require.Empty(t, w.failed(), "nobody is killed for it")
		require.Equal(t, "Warning Unhealthy Readiness probe failed: said by 1", <-w.events.Events)

		w.answer("r", 0)
		pass(6 * time.Second)
		require.True(t, w.Ready("u", "c", "1"))
		w.mu.Lock()
		w.statuses["u"].ContainerStatuses[0].State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}
		w.mu.Unlock()
		pass(2 * time.Second)
		require.False(t, w.Ready("u", "c", "1"), "it doesn't run")

		w.Remove("u")
		synctest.Wait()
		before := w.times("r")
		w.runs("2")
		pass(time.Minute)
		require.Equal(t, before, w.times("r"))
	})
}

func TestLiveness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := command("l")
		p.FailureThreshold, p.TerminationGracePeriodSeconds = 2, ptr.To[int64](7)
		w.Add(podWith(nil, p, nil))
		w.runs("1")
		pass(3 * time.Second)
		require.True(t, w.Ready("u", "c", "1"), "without a readiness probe")
		require.Empty(t, w.failed())
		w.answer("l", -1)
		pass(10 * time.Second)
		require.Empty(t, w.failed(), "what can't be asked isn't ill")
		w.answer("l", -2)
		pass(10 * time.Second)
		require.Equal(t, []Failure{{
			UID: "u", Container: "c", ContainerID: "1", Message: "Container c failed liveness probe, will be restarted", Grace: ptr.To[int64](7),
		}}, w.failed(), "once, however long it takes to kill it")
		before := w.times("l")
		pass(10 * time.Second)
		require.Equal(t, before, w.times("l"), "there is nothing more to ask it")

		w.answer("l", 0)
		w.runs("2")
		pass(3 * time.Second)
		require.Greater(t, w.times("l"), before, "its successor begins anew")
		w.answer("l", 1)
		pass(3 * time.Second)
		require.Len(t, w.failed(), 2)
		require.Equal(t, "2", w.failed()[1].ContainerID)

		w.runs("3")
		w.StopLiveness("u")
		pass(10 * time.Second)
		require.Len(t, w.failed(), 2, "the pod is being terminated")
	})
}

func TestStartup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := command("s")
		s.FailureThreshold = 5
		l, r := command("l"), command("r")
		r.PeriodSeconds, l.PeriodSeconds = 100, 100
		w.Add(podWith(s, l, r))
		w.answer("s", 1)
		w.runs("1")
		pass(3500 * time.Millisecond)
		require.False(t, w.Started("u", "c", "1"))
		require.False(t, w.Ready("u", "c", "1"))
		require.Zero(t, w.times("l")+w.times("r"), "not before it has started")
		w.answer("s", 0)
		pass(1500 * time.Millisecond)
		require.True(t, w.Started("u", "c", "1"))
		require.True(t, w.Ready("u", "c", "1"), "asked at once, not after a period")
		require.Equal(t, 1, w.times("l"))
		before := w.times("s")
		pass(10 * time.Second)
		require.Equal(t, before, w.times("s"), "it has started for good")

		w.answer("s", 1)
		w.runs("2")
		pass(10 * time.Second)
		require.False(t, w.Started("u", "c", "2"))
		require.Len(t, w.failed(), 1)
		require.Equal(t, "Container c failed startup probe, will be restarted", w.failed()[0].Message)
	})
}

// After a restart of the kubelet what ran and was ready is so until a probe says otherwise.
func TestRestartOfTheKubelet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs("1")
		r := command("r")
		r.PeriodSeconds, r.FailureThreshold = 10, 1
		pod := podWith(command("s"), nil, r)
		pod.Status = *w.status("u")
		pod.Status.ContainerStatuses[0].Ready, pod.Status.ContainerStatuses[0].Started = true, ptr.To(true)
		w.answer("r", 1)
		w.Add(pod)
		require.True(t, w.Ready("u", "c", "1"))
		pass(10 * time.Second)
		require.False(t, w.Ready("u", "c", "1"))
		require.True(t, w.Started("u", "c", "1"))
		require.Zero(t, w.times("s"))
	})
}

func TestSidecarsAreProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		pod := podWith(nil, nil, nil)
		pod.Spec.InitContainers = []v1.Container{
			{Name: "side", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways), LivenessProbe: command("side")},
			{Name: "init", LivenessProbe: command("init")},
		}
		w.runs("1")
		w.mu.Lock()
		running := w.statuses["u"].ContainerStatuses[0].State
		w.statuses["u"].InitContainerStatuses = []v1.ContainerStatus{{Name: "side", ContainerID: "x://s", State: running}, {Name: "init", ContainerID: "x://i", State: running}}
		w.mu.Unlock()
		w.answer("side", 1)
		w.Add(pod)
		pass(3 * time.Second)
		require.Len(t, w.failed(), 1)
		require.Equal(t, "side", w.failed()[0].Container)
		require.Zero(t, w.times("init"))
	})
}
