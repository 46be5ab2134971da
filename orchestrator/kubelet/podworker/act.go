package podworker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// nameTaken is how soon a static pod looks again whether the one that had its name is gone.
const nameTaken = time.Second

// act does what a plan says. again is when to look again; negative: when something happens.
func (w *worker) act(ctx context.Context, pod *v1.Pod, state *cri.Pod, p plan) (again time.Duration, err error) {
	w.m.o.Probes.Add(pod)
	if !p.sandbox && len(p.kill) == 0 && len(p.start) == 0 {
		w.idle(ctx, pod, state)
		return w.untilDeadline(pod), nil
	}
	if source.IsStatic(pod) && w.m.nameInUse(w) {
		return nameTaken, nil
	}
	if p.sandbox && !state.Idle() {
		w.m.event(pod, nil, v1.EventTypeNormal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
		if err := w.stopAll(ctx, pod, state, w.fullGrace()); err != nil {
			return 0, err
		}
	}
	if err := w.killThese(ctx, pod, p.kill); err != nil {
		return 0, err
	}
	soonest, starts := w.withoutBackOff(pod, state, p.start)
	if !p.sandbox && len(starts) == 0 {
		if soonest < 0 { // something was killed: the next plan knows its exit code
			return 0, nil
		}
		w.idle(ctx, pod, state)
		return soonest, nil
	}
	sandbox, err := w.ensureSandbox(ctx, pod, state, p)
	if err != nil {
		return 0, err
	}
	var failed []error
	for _, l := range starts {
		if err := w.start(ctx, pod, state, sandbox, l); err != nil {
			failed = append(failed, err)
		}
		w.report(ctx)
	}
	if len(failed) > 0 {
		return 0, errors.Join(failed...)
	}
	return 0, nil // the next plan may have more, or find all right
}

// fullGrace is the grace period in which the pod's containers are stopped when nobody asked for their end.
func (w *worker) fullGrace() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.graceLocked()
}

// withoutBackOff are the containers of a plan that may start now, and how soon the first of the others may.
func (w *worker) withoutBackOff(pod *v1.Pod, state *cri.Pod, starts []launch) (soonest time.Duration, now []launch) {
	soonest = -1
	for _, l := range starts {
		wait := w.m.crashWait(w.uid, l.spec, state)
		if wait <= 0 {
			now = append(now, l)
			continue
		}
		if soonest < 0 || wait < soonest {
			soonest = wait
		}
		delay := w.m.crashDelay(w.uid, l.spec)
		w.wait(l.spec.Name, status.Waiting{Reason: "CrashLoopBackOff", Message: fmt.Sprintf(
			"back-off %s restarting failed container=%s pod=%s", delay, l.spec.Name, w)})
		w.once(pod, l, v1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", l.spec.Name, w))
	}
	return soonest, now
}

// wait notes why a container doesn't run; the zero value: it does.
func (w *worker) wait(container string, why status.Waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if why == (status.Waiting{}) {
		delete(w.waiting, container)
		delete(w.said, container)
		return
	}
	w.waiting[container] = why
}

// once records an event, unless it was the last about that container.
func (w *worker) once(pod *v1.Pod, l launch, kind, reason, message string) {
	w.mu.Lock()
	again := w.said[l.spec.Name] == reason+message
	w.said[l.spec.Name] = reason + message
	w.mu.Unlock()
	if !again {
		w.m.event(pod, &l, kind, reason, message)
	}
}

// sandboxParts are what containers are made in.
type sandboxParts struct {
	id     string
	config *runtimeapi.PodSandboxConfig
	ips    []string
}

// ensureSandbox makes what a pod's containers need before they start: cgroup, volumes, files, and the sandbox, if there is none that serves.
func (w *worker) ensureSandbox(ctx context.Context, pod *v1.Pod, state *cri.Pod, p plan) (*sandboxParts, error) {
	parent, err := w.m.o.Cgroups.EnsurePod(pod)
	if err != nil {
		w.m.event(pod, nil, v1.EventTypeWarning, "FailedToCreatePodContainer", fmt.Sprintf("unable to ensure pod container exists: %v", err))
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	if err := w.m.o.Volumes.Setup(ctx, pod); err != nil {
		return nil, fmt.Errorf("volumes: %w", err)
	}
	attempt := p.attempt
	if serving := serves(pod, state); serving != nil {
		attempt = serving.Attempt
	}
	config, err := w.m.o.Node.Sandbox(pod, attempt, parent)
	if err != nil {
		w.failedSandbox(ctx, pod, err)
		return nil, err
	}
	parts := &sandboxParts{config: config}
	if serving := serves(pod, state); serving != nil && !p.sandbox {
		parts.id, parts.ips = serving.ID, serving.IPs
	} else if err := w.runSandbox(ctx, pod, parts); err != nil {
		w.failedSandbox(ctx, pod, err)
		return nil, err
	}
	if pod.Spec.HostNetwork {
		parts.ips = w.m.o.HostIPs()
	}
	return parts, w.writeHosts(pod, parts.ips)
}

func (w *worker) runSandbox(ctx context.Context, pod *v1.Pod, parts *sandboxParts) error {
	if err := makeDir(parts.config.LogDirectory); err != nil {
		return err
	}
	id, err := w.m.o.Runtime.RunPodSandbox(ctx, parts.config, "")
	if err != nil {
		return err
	}
	parts.id = id
	state, err := cri.Read(ctx, w.m.o.Runtime, w.uid)
	if err != nil {
		return err
	}
	for _, s := range state.Sandboxes {
		if s.ID == id {
			parts.ips = s.IPs
		}
	}
	w.report(ctx)
	return nil
}

func (w *worker) failedSandbox(ctx context.Context, pod *v1.Pod, err error) {
	if ctx.Err() == nil {
		w.m.event(pod, nil, v1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+strings.TrimSpace(err.Error()))
	}
}
