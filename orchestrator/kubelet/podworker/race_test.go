package podworker

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/crifake"
)

// slowRuntime keeps what it says of containers back from who asks with a context that says so.
type slowRuntime struct {
	*crifake.Runtime
	asked, answer chan struct{}
}

type slowly struct{}

func (r *slowRuntime) ContainerStatus(ctx context.Context, id string, verbose bool) (*runtimeapi.ContainerStatusResponse, error) {
	status, err := r.Runtime.ContainerStatus(ctx, id, verbose)
	if ctx.Value(slowly{}) != nil {
		r.asked <- struct{}{}
		<-r.answer
	}
	return status, err
}

// A status that was computed from what was so before the pod's end must not say how the pod ended.
func TestAnOldLookDoesNotFailAPodThatSucceeds(t *testing.T) {
	b := newBench(t)
	b.stop()
	slow := &slowRuntime{b.runtime, make(chan struct{}), make(chan struct{})}
	b.begin(func(o *Options) { o.Runtime = slow })
	pod := podOf("p", "c")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	b.m.Update(pod)
	b.untilRunning("c")
	w := b.m.worker(pod.UID)
	var group sync.WaitGroup
	group.Go(func() { w.report(context.WithValue(t.Context(), slowly{}, true)) })
	<-slow.asked
	b.runtime.Exit("c", 0)
	w.mu.Lock()
	w.ended = true // as a step finds out, which needn't wait for this look
	w.mu.Unlock()
	close(slow.answer)
	group.Wait()
	b.untilPhase(pod, v1.PodSucceeded)
}

// A pod that is wanted again while the worker that cleared it away ends is not forgotten: a manifest was put back, say.
func TestAPodThatComesBackIsNotForgotten(t *testing.T) {
	b := newBench(t)
	for i := range 20 {
		pod := deleted(podOf(fmt.Sprint("p", i), "c"), 1)
		w := newWorker(b.m, pod)
		w.removed, w.cleared = true, true
		b.m.mu.Lock()
		b.m.workers[pod.UID] = w
		b.m.mu.Unlock()
		var group sync.WaitGroup
		w.mu.Lock() // both get as far as they can, in this order
		group.Go(func() { b.m.drop(w) })
		yield()
		group.Go(func() { b.m.Update(pod) })
		yield()
		w.mu.Unlock()
		group.Wait()
		require.True(t, b.m.Known(pod.UID), "at %d", i)
	}
}

// yield lets others go on.
func yield() {
	for range 1000 {
		runtime.Gosched()
	}
}

// What comes to run after the pod's end, by a call that was given up and went on in the runtime, is stopped.
func TestNothingRunsAfterTheEnd(t *testing.T) {
	b := newBench(t)
	pod := podOf("p", "c")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	b.m.Update(pod)
	b.untilRunning("c")
	b.runtime.Exit("c", 0)
	b.untilTorn(pod)
	config, err := b.m.o.Node.Sandbox(pod, 1, "/kubepods")
	require.NoError(t, err)
	id, err := b.runtime.RunPodSandbox(t.Context(), config, "")
	require.NoError(t, err)
	require.True(t, eventually(func() bool {
		s, err := b.runtime.PodSandboxStatus(t.Context(), id, false)
		return err == nil && s.Status.State == runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	}))
	b.untilPhase(pod, v1.PodSucceeded)
}
