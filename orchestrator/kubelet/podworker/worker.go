package podworker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// A failed step is taken again after these times at least and at most.
const (
	minRetry = 500 * time.Millisecond
	maxRetry = 10 * time.Second
)

// worker runs one pod.
type worker struct {
	m     *Manager
	uid   apitypes.UID
	woken chan struct{}
	gone  chan struct{} // closed when the worker has ended

	reporting sync.Mutex // held while a status is computed, so that what was seen later is told later

	mu        sync.Mutex
	pod       *v1.Pod
	removed   bool        // it isn't wanted any more: end it, and clear all of it away
	end       *status.End // it was ended before its time
	grace     *int64      // bounds the grace period of its end
	ended     bool        // nothing of it runs, and nothing will
	settled   bool        // and its volumes and cgroups are gone
	cleared   bool        // and so is all that the runtime had of it, and its logs
	revived   *v1.Pod     // it is wanted again, though it was removed
	waiting   map[string]status.Waiting
	unhealthy map[string]string // what probes say, by container ID
	failures  int               // steps that failed in a row
	said      map[string]string // what events said last, by container
}

// step is a piece of work under way.
type step struct {
	cancel context.CancelFunc
	done   chan struct{}
	again  time.Duration // when the next is due; negative: when something happens
	ending bool
	grace  int64
}

func newWorker(m *Manager, pod *v1.Pod) *worker {
	return &worker{
		m: m, uid: pod.UID, pod: pod, woken: make(chan struct{}, 1), gone: make(chan struct{}),
		waiting: map[string]status.Waiting{}, unhealthy: map[string]string{}, said: map[string]string{},
	}
}

// wake has the worker look soon.
func (w *worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// change changes what the worker knows, under its lock, and wakes it.
func (w *worker) change(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	w.wake()
}

// run takes steps until the pod is gone or ctx ends. While a step takes its time the pod's status is kept up to date.
func (w *worker) run(ctx context.Context) {
	defer close(w.gone)
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithValues("pod", klog.KObj(w.snapshot()), "uid", w.uid))
	due := w.m.o.Clock.NewTimer(0)
	defer due.Stop()
	var current *step
	dirty := false
	for {
		var done chan struct{}
		if current != nil {
			done = current.done
		}
		select {
		case <-ctx.Done():
			if current != nil {
				<-current.done
			}
			return
		case <-w.woken:
			if current == nil {
				current = w.begin(ctx)
				continue
			}
			dirty = true
			if w.outdated(current) {
				current.cancel()
			}
			w.report(ctx)
		case <-due.C():
			if current == nil {
				current = w.begin(ctx)
			}
		case <-done:
			current.cancel()
			if w.finished() {
				return
			}
			again := current.again
			current = nil
			if dirty {
				again, dirty = 0, false
			}
			due.Reset(w.next(again))
		}
	}
}

// next is when to look again, at the latest.
func (w *worker) next(again time.Duration) time.Duration {
	if again < 0 || again > w.m.o.SyncPeriod {
		return w.m.o.SyncPeriod
	}
	return again
}

// begin starts a step.
func (w *worker) begin(ctx context.Context) *step {
	ctx, cancel := context.WithCancel(ctx)
	s := &step{cancel: cancel, done: make(chan struct{})}
	s.ending, s.grace = w.ends()
	go func() {
		defer close(s.done)
		again, err := w.step(ctx)
		w.report(ctx)
		s.again = w.outcome(ctx, again, err)
	}()
	return s
}

// outcome says when the next step is due.
func (w *worker) outcome(ctx context.Context, again time.Duration, err error) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || ctx.Err() != nil {
		w.failures = 0
		if err != nil {
			return 0
		}
		return again
	}
	retry := min(minRetry<<min(w.failures, 10), maxRetry)
	w.failures++
	klog.FromContext(ctx).Info("Pod isn't as it is wanted; will try again", "err", err, "in", retry)
	return retry
}

// outdated says whether a step is overtaken by events: the pod is to be ended, or ended faster.
func (w *worker) outdated(s *step) bool {
	ending, grace := w.ends()
	return ending && (!s.ending || grace < s.grace)
}

// ends says whether the pod is being ended, and within how many seconds.
func (w *worker) ends() (bool, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.removed || w.end != nil || w.pod.DeletionTimestamp != nil || status.Final(w.pod.Status.Phase) || w.ended, w.graceLocked()
}

// defaultGrace is the grace period of a pod that doesn't say any.
const defaultGrace = 30

// graceLocked is how many seconds containers have to end. w.mu is held.
func (w *worker) graceLocked() int64 {
	grace := int64(defaultGrace)
	if g := w.pod.Spec.TerminationGracePeriodSeconds; g != nil {
		grace = *g
	}
	if g := w.pod.DeletionGracePeriodSeconds; g != nil && w.pod.DeletionTimestamp != nil {
		grace = *g
	}
	if w.grace != nil {
		grace = min(grace, *w.grace)
	}
	return max(grace, 1)
}

// finished says whether nothing is left to do, ever.
func (w *worker) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cleared
}

// snapshot is the pod as last given.
func (w *worker) snapshot() *v1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

// step looks, decides and acts once.
func (w *worker) step(ctx context.Context) (again time.Duration, err error) {
	pod := w.snapshot()
	w.mu.Lock()
	ended := w.ended
	w.mu.Unlock()
	state, err := cri.Read(ctx, w.m.o.Runtime, w.uid)
	if err != nil {
		return 0, err
	}
	if ended && state.Idle() { // a start that was cut short may have come true later, and is stopped, too
		return w.settle(ctx, pod)
	}
	w.deadline(pod)
	ending, grace := w.ends()
	if !ending {
		p := w.decide(pod, state)
		if !p.over {
			return w.act(ctx, pod, state, p)
		}
	}
	w.m.o.Probes.StopLiveness(w.uid)
	if err := w.stopAll(ctx, pod, state, grace); err != nil {
		return 0, err
	}
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	return 0, nil
}

// decide is what the pod lacks.
func (w *worker) decide(pod *v1.Pod, state *cri.Pod) plan {
	w.mu.Lock()
	unhealthy := make(map[string]string, len(w.unhealthy))
	for id, message := range w.unhealthy {
		if slices.ContainsFunc(state.Containers, func(c cri.Container) bool { return c.ID == id && c.Running() }) {
			unhealthy[id] = message
		}
	}
	w.unhealthy = unhealthy
	w.mu.Unlock()
	return decide(view{pod: pod, state: state, unhealthy: unhealthy, started: func(container, id string) bool {
		return w.m.o.Probes.Started(w.uid, container, id)
	}})
}

// deadline ends the pod if it has been active for longer than it may.
func (w *worker) deadline(pod *v1.Pod) {
	s := w.status(pod)
	if pod.Spec.ActiveDeadlineSeconds == nil || s.StartTime == nil || status.Final(s.Phase) {
		return
	}
	if w.m.o.Clock.Since(s.StartTime.Time) >= time.Duration(*pod.Spec.ActiveDeadlineSeconds)*time.Second {
		w.mu.Lock()
		if w.end == nil {
			w.end = &status.End{Reason: "DeadlineExceeded", Message: "Pod was active on the node longer than the specified deadline"}
			w.m.event(pod, nil, v1.EventTypeNormal, "DeadlineExceeded", w.end.Message)
		}
		w.mu.Unlock()
	}
}

// untilDeadline is when the pod's deadline is; negative: never.
func (w *worker) untilDeadline(pod *v1.Pod) time.Duration {
	s := w.status(pod)
	if pod.Spec.ActiveDeadlineSeconds == nil || s.StartTime == nil {
		return -1
	}
	return max(0, time.Duration(*pod.Spec.ActiveDeadlineSeconds)*time.Second-w.m.o.Clock.Since(s.StartTime.Time))
}

// status is the pod's status as last computed, or else as the apiserver has it.
func (w *worker) status(pod *v1.Pod) *v1.PodStatus {
	if s := w.m.o.Status.Get(w.uid); s != nil {
		return s
	}
	return &pod.Status
}

// report computes the pod's status and sets it.
func (w *worker) report(ctx context.Context) {
	w.reporting.Lock()
	defer w.reporting.Unlock()
	w.mu.Lock()
	over, settled := w.ended, w.settled // before the look: a pod that is over must not be judged by what was so while it ran
	w.mu.Unlock()
	state, err := cri.Read(ctx, w.m.o.Runtime, w.uid)
	if err != nil {
		return // what was known stays; the node says that the runtime is down
	}
	w.mu.Lock()
	if w.cleared {
		w.mu.Unlock()
		return
	}
	waiting := map[string]status.Waiting{}
	for name, why := range w.waiting {
		waiting[name] = why
	}
	pod, finished := w.pod, settled && w.pod.DeletionTimestamp != nil
	facts := status.Facts{
		Runtime: w.m.o.RuntimeName, HostIPs: w.m.o.HostIPs(), State: state, Waiting: waiting, End: w.end, Over: over,
		Now: w.m.o.Clock.Now(),
	}
	w.mu.Unlock()
	facts.Old = w.status(pod)
	facts.Ready = func(container, id string) bool { return w.m.o.Probes.Ready(w.uid, container, id) }
	facts.Started = func(container, id string) bool { return w.m.o.Probes.Started(w.uid, container, id) }
	facts.Messages = w.message
	w.m.o.Status.Set(pod, status.Compute(pod, facts))
	if finished {
		w.m.o.Status.Finished(w.uid)
	}
}

// String is the pod as upstream's messages write it.
func (w *worker) String() string {
	pod := w.snapshot()
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}
