package podworker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// minGrace is what a container has to end in, in seconds, though its hook or others before it used up the grace period.
const minGrace = 2

// stopAll ends all containers of a pod and stops its sandboxes: app containers together, then the sidecars, the last one first.
func (w *worker) stopAll(ctx context.Context, pod *v1.Pod, state *cri.Pod, grace int64) error {
	began := w.m.o.Clock.Now()
	left := func() int64 {
		return max(grace-int64(w.m.o.Clock.Since(began)/time.Second), min(minGrace, grace))
	}
	sidecars := map[string]*v1.Container{}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; status.Sidecar(c) {
			sidecars[c.Name] = c
		}
	}
	var first []killing
	last := map[string][]killing{}
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.Exited() {
			continue
		}
		k := killing{c, specOf(pod, c.Name), "Stopping container " + c.Name}
		if sidecars[c.Name] != nil {
			last[c.Name] = append(last[c.Name], k)
		} else {
			first = append(first, k)
		}
	}
	failed := []error{w.killTogether(ctx, pod, first, left())}
	for i := len(pod.Spec.InitContainers) - 1; i >= 0 && ctx.Err() == nil; i-- {
		failed = append(failed, w.killTogether(ctx, pod, last[pod.Spec.InitContainers[i].Name], left()))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for _, s := range state.Sandboxes {
		if err := w.m.o.Runtime.StopPodSandbox(ctx, s.ID); err != nil && !cri.IsNotFound(err) {
			w.m.event(pod, nil, v1.EventTypeWarning, "FailedKillPod", fmt.Sprintf("error killing pod: %v", err))
			return fmt.Errorf("stop sandbox %s: %w", s.ID, err)
		}
	}
	now, err := cri.Read(ctx, w.m.o.Runtime, w.uid)
	if err != nil {
		return err
	}
	if !now.Idle() {
		return errors.New("containers still run though they were stopped")
	}
	return nil
}

// killThese ends single containers of a pod that goes on.
func (w *worker) killThese(ctx context.Context, pod *v1.Pod, kills []killing) error {
	var failed []error
	for _, k := range kills {
		grace := w.fullGrace()
		if g := w.probeGrace(k); g != nil {
			grace = *g
		}
		failed = append(failed, w.killOne(ctx, pod, k.container, k.spec, grace, k.message))
	}
	return errors.Join(failed...)
}

// probeGrace is the grace period that the probe which gave a container up asks for; nil: the pod's.
func (w *worker) probeGrace(k killing) *int64 {
	w.mu.Lock()
	_, unhealthy := w.unhealthy[k.container.ID]
	w.mu.Unlock()
	if !unhealthy || k.spec == nil {
		return nil
	}
	probe := k.spec.LivenessProbe
	if !w.m.o.Probes.Started(w.uid, k.container.Name, k.container.ID) {
		probe = k.spec.StartupProbe
	}
	if probe == nil {
		return nil
	}
	return probe.TerminationGracePeriodSeconds
}

func (w *worker) killTogether(ctx context.Context, pod *v1.Pod, kills []killing, grace int64) error {
	errs := make([]error, len(kills))
	var group sync.WaitGroup
	for i, k := range kills {
		group.Go(func() { errs[i] = w.killOne(ctx, pod, k.container, k.spec, grace, k.message) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// killOne ends a container: its preStop hook, the signal to end, and after the grace period the one that can't be ignored.
func (w *worker) killOne(ctx context.Context, pod *v1.Pod, c *cri.Container, spec *v1.Container, grace int64, message string) error {
	l := launch{spec: spec, kind: kindOf(pod, c.Name)}
	if spec == nil {
		l.spec = &v1.Container{Name: c.Name}
	}
	if c.Running() {
		w.once(pod, l, v1.EventTypeNormal, "Killing", message)
		if l.spec.Lifecycle != nil && l.spec.Lifecycle.PreStop != nil && grace > 0 {
			began := w.m.o.Clock.Now()
			w.preStop(ctx, pod, l, c.ID, grace)
			grace = max(grace-int64(w.m.o.Clock.Since(began)/time.Second), min(minGrace, grace))
		}
	}
	if err := w.m.o.Runtime.StopContainer(ctx, c.ID, grace); err != nil && !cri.IsNotFound(err) {
		return fmt.Errorf("stop container %s: %w", c.Name, err)
	}
	w.mu.Lock()
	delete(w.unhealthy, c.ID)
	w.mu.Unlock()
	return nil
}

// preStop runs the hook, for no longer than the grace period. Its failure doesn't keep the container alive.
func (w *worker) preStop(ctx context.Context, pod *v1.Pod, l launch, id string, grace int64) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(grace)*time.Second)
	defer cancel()
	var ips []string
	for _, ip := range w.status(pod).PodIPs {
		ips = append(ips, ip.IP)
	}
	if err := w.hook(ctx, pod, l.spec, id, l.spec.Lifecycle.PreStop, ips); err != nil {
		w.m.event(pod, &l, v1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
	}
}

// settle gives back what a pod that ended held on the node, and, if it isn't wanted any more, removes all of it.
func (w *worker) settle(ctx context.Context, pod *v1.Pod) (time.Duration, error) {
	w.mu.Lock()
	idle := w.settled && !w.removed
	w.mu.Unlock()
	if idle {
		return -1, nil
	}
	w.m.o.Probes.Remove(w.uid)
	w.report(ctx) // what containers left to be told is in the pod's folder
	if err := w.m.o.Volumes.Teardown(w.uid); err != nil {
		return 0, fmt.Errorf("volumes: %w", err)
	}
	if err := w.m.o.Cgroups.RemovePod(w.uid); err != nil {
		return 0, fmt.Errorf("cgroup: %w", err)
	}
	w.mu.Lock()
	removed := w.removed
	w.mu.Unlock()
	if removed {
		if err := w.remove(ctx, pod); err != nil {
			return 0, err
		}
	}
	w.mu.Lock()
	w.settled, w.cleared = true, removed
	w.mu.Unlock()
	return -1, nil
}

func specOf(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if c := v1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon); c.Name == name {
			return &c
		}
	}
	return nil
}

func kindOf(pod *v1.Pod, name string) string {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			return kindInit
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			return kindEphemeral
		}
	}
	return kindApp
}
