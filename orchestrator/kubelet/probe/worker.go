package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// worker is one probe of one container, and of its successors.
type worker struct {
	m         *Manager
	pod       *v1.Pod
	container *v1.Container
	kind      kind
	spec      *v1.Probe

	ctx   context.Context
	stop  context.CancelFunc
	woken chan struct{}

	// Only run touches these.
	last answer // the last one, and how often in a row
	runs int32
	held string // ID of a container that there is nothing more to ask: it is to be killed, or has started

	mu     sync.Mutex
	id     string // whom result is about
	result bool
}

// answer is what a probe that could be asked says.
type answer int

const (
	none answer = iota
	good
	bad
)

// waitPeriod is how often a worker looks at most whether there is something to probe.
const waitPeriod = time.Second

func (m *Manager) newWorker(pod *v1.Pod, c *v1.Container, k kind, spec *v1.Probe) *worker {
	w := &worker{m: m, pod: pod, container: c, kind: k, spec: spec, woken: make(chan struct{}, 1)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	if status := statusOf(&pod.Status, c.Name); status != nil && status.State.Running != nil {
		w.id = bareID(status.ContainerID)
		switch k {
		case readiness:
			w.result = status.Ready
		case startup:
			w.result = status.Started != nil && *status.Started
		case liveness:
			w.result = true
		}
	}
	return w
}

// succeeded says whether the container of an ID passed.
func (w *worker) succeeded(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.result && w.id == bareID(id)
}

// period is the time from one question to the next.
func (w *worker) period() time.Duration {
	return time.Duration(max(w.spec.PeriodSeconds, 1)) * time.Second
}

// run asks in each period until it is stopped. Of a container that has run for a while, which is when the kubelet was restarted, it is
// asked at some time in the first period, not of all of them at once.
func (w *worker) run() {
	defer w.stop()
	var wait time.Duration
	if w.id != "" {
		wait = rand.N(w.period())
	}
	for {
		timer := w.m.o.Clock.NewTimer(wait)
		select {
		case <-w.ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		case <-w.woken:
			timer.Stop()
			if w.last != none {
				continue // it saw by itself that the container had started
			}
		}
		wait = w.look()
	}
}

// look asks if there is a container to ask, and says when to look again.
func (w *worker) look() time.Duration {
	soon := min(w.period(), waitPeriod)
	status := w.m.o.Status(w.pod.UID)
	if status == nil {
		return soon
	}
	c := statusOf(status, w.container.Name)
	if c == nil || c.ContainerID == "" {
		return soon
	}
	id := bareID(c.ContainerID)
	w.see(id)
	switch {
	case c.State.Running == nil:
		if w.kind == readiness {
			w.set(id, false)
		}
		return soon
	case w.held == id:
		return soon
	}
	ran := w.m.o.Clock.Since(c.State.Running.StartedAt.Time)
	if left := time.Duration(w.spec.InitialDelaySeconds)*time.Second - ran; left > 0 {
		return min(left, soon)
	}
	started := w.m.Started(w.pod.UID, w.container.Name, id)
	if w.kind == startup && started {
		w.held = id
		return soon
	}
	if w.kind != startup && !started {
		return soon
	}
	w.ask(status, id)
	return w.period()
}

// see begins anew with a container that it didn't know. It counts as alive, but not as ready or started.
func (w *worker) see(id string) {
	w.mu.Lock()
	known := w.id == id
	if !known {
		w.id, w.result = id, w.kind == liveness
	}
	w.mu.Unlock()
	if !known {
		w.last, w.runs, w.held = none, 0, ""
	}
}

// ask asks once, and draws the consequences once as many answers in a row as it takes are the same.
func (w *worker) ask(status *v1.PodStatus, id string) {
	got, text := w.try(status, id)
	if w.ctx.Err() != nil || got == none {
		return
	}
	if got == bad {
		w.event("Unhealthy", fmt.Sprintf("%s probe failed: %s", w.kind, text))
	}
	if got != w.last {
		w.last, w.runs = got, 0
	}
	w.runs++
	if got == bad && w.runs < w.spec.FailureThreshold || got == good && w.runs < w.spec.SuccessThreshold {
		return
	}
	switch {
	case got == good && w.kind == startup:
		w.held = id
		w.set(id, true)
		w.m.wake(w.pod.UID, w.container.Name)
	case got == bad && w.kind != readiness:
		w.held, w.runs = id, 0
		w.set(id, false)
		w.fail(id)
	default:
		w.set(id, got == good)
	}
}

// tries is how often a question is put that could not be asked.
const tries = 3

// try asks, and again if that could not be done.
func (w *worker) try(status *v1.PodStatus, id string) (answer, string) {
	timeout := time.Duration(max(w.spec.TimeoutSeconds, 1)) * time.Second
	var err error
	for range tries {
		var (
			got  answer
			text string
		)
		got, text, err = w.question(status, id, timeout)
		if err == nil || w.ctx.Err() != nil {
			return got, text
		}
	}
	klog.FromContext(w.ctx).V(2).Info("Probe could not be asked", "pod", klog.KObj(w.pod), "container", w.container.Name, "kind", w.kind, "err", err)
	w.event("Unhealthy", fmt.Sprintf("%s probe errored and resulted in unknown state: %v", w.kind, err))
	return none, ""
}

// set notes what is so of a container, and says so if it wasn't.
func (w *worker) set(id string, result bool) {
	w.mu.Lock()
	changed := w.id == id && w.result != result
	if changed {
		w.result = result
	}
	w.mu.Unlock()
	if !changed || w.kind == liveness {
		return
	}
	select {
	case w.m.changed <- w.pod.UID:
	case <-w.ctx.Done():
	}
}

// fail gives a container up.
func (w *worker) fail(id string) {
	what := map[kind]string{liveness: "liveness", startup: "startup"}[w.kind]
	f := Failure{
		UID: w.pod.UID, Container: w.container.Name, ContainerID: id, Grace: w.spec.TerminationGracePeriodSeconds,
		Message: fmt.Sprintf("Container %s failed %s probe, will be restarted", w.container.Name, what),
	}
	select {
	case w.m.unhealthy <- f:
	case <-w.ctx.Done():
	}
}

// event tells of the container.
func (w *worker) event(reason, message string) {
	if w.m.o.Recorder == nil {
		return
	}
	field := "spec.containers{%s}"
	if w.container.RestartPolicy != nil {
		field = "spec.initContainers{%s}"
	}
	w.m.o.Recorder.Event(&v1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: w.pod.Namespace, Name: w.pod.Name, UID: w.pod.UID, ResourceVersion: w.pod.ResourceVersion,
		FieldPath: fmt.Sprintf(field, w.container.Name),
	}, v1.EventTypeWarning, reason, message)
}

// statusOf is a container's part of a pod's status.
func statusOf(status *v1.PodStatus, container string) *v1.ContainerStatus {
	for _, all := range [][]v1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses} {
		for i := range all {
			if all[i].Name == container {
				return &all[i]
			}
		}
	}
	return nil
}
