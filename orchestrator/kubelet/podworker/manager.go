package podworker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// Upstream's defaults.
const (
	defaultBackOff    = 10 * time.Second
	defaultMaxBackOff = 5 * time.Minute
	defaultSyncPeriod = time.Minute
)

// Manager has the workers of all pods of the node. It is a source.Sink.
type Manager struct {
	o       Options
	backOff *flowcontrol.Backoff

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before
	workers map[apitypes.UID]*worker
	started map[apitypes.UID]bool // pods of which the runtime had something when this process began: they are admitted
	group   sync.WaitGroup
}

var _ source.Sink = (*Manager)(nil)

// New returns a manager without pods.
func New(o Options) *Manager {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.BackOff == 0 {
		o.BackOff = defaultBackOff
	}
	if o.MaxBackOff == 0 {
		o.MaxBackOff = defaultMaxBackOff
	}
	if o.SyncPeriod == 0 {
		o.SyncPeriod = defaultSyncPeriod
	}
	b := flowcontrol.NewBackOff(o.BackOff, o.MaxBackOff)
	b.Clock = o.Clock
	return &Manager{o: o, backOff: b, workers: map[apitypes.UID]*worker{}, started: map[apitypes.UID]bool{}}
}

// Start has to be called before the first Update: it finds out what an earlier process left running. Workers end with ctx.
func (m *Manager) Start(ctx context.Context) error {
	uids, err := cri.Pods(ctx, m.o.Runtime)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, uid := range uids {
		m.started[uid] = true
	}
	m.ctx = ctx
	return nil
}

// Run passes on what probes find until the context of Start ends, and then waits for the workers. Containers go on.
func (m *Manager) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			m.group.Wait()
			return
		case f := <-m.o.Probes.Unhealthy():
			if w := m.worker(f.UID); w != nil {
				w.change(func() { w.unhealthy[f.ContainerID] = f.Message })
			}
		case uid := <-m.o.Probes.Changed():
			m.Wake(uid)
		}
	}
}

// Update implements source.Sink.
func (m *Manager) Update(pod *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock() // all the time: a worker that is being dropped hears of it, or is gone already
	if m.ctx == nil || m.ctx.Err() != nil {
		return
	}
	w := m.workers[pod.UID]
	if w == nil {
		m.begin(m.newcomer(pod))
		return
	}
	w.change(func() {
		if w.removed {
			w.revived = pod
		} else {
			w.pod = pod
		}
	})
}

// Remove implements source.Sink.
func (m *Manager) Remove(uid apitypes.UID) {
	if w := m.worker(uid); w != nil {
		w.change(func() { w.removed, w.revived = true, nil })
	}
}

// MirrorChanged implements source.Sink: a new mirror has no status yet.
func (m *Manager) MirrorChanged(uid apitypes.UID) { m.o.Status.Renew(uid) }

// Wake has a pod looked at: something happened to its containers.
func (m *Manager) Wake(uid apitypes.UID) {
	if w := m.worker(uid); w != nil {
		w.wake()
	}
}

// WakeAll has all pods looked at: the runtime came back, say.
func (m *Manager) WakeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.workers {
		w.wake()
	}
}

// Evict ends a pod, which fails with this reason and message, and returns when its containers are gone.
func (m *Manager) Evict(ctx context.Context, pod *v1.Pod, grace int64, reason, message string) error {
	w := m.worker(pod.UID)
	if w == nil {
		return nil
	}
	w.change(func() {
		if w.end == nil {
			w.end = &status.End{Reason: reason, Message: message, Condition: &v1.PodCondition{
				Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: v1.PodReasonTerminationByKubelet, Message: message,
			}}
		}
		w.grace = &grace
	})
	ticker := m.o.Clock.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		w.mu.Lock()
		ended := w.ended
		w.mu.Unlock()
		if ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("evict %s: %w", w, ctx.Err())
		case <-w.gone:
			return nil
		case <-ticker.C():
		}
	}
}

// Pods are the node's pods with their statuses.
func (m *Manager) Pods() []*v1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	pods := make([]*v1.Pod, 0, len(m.workers))
	for _, w := range m.workers {
		pods = append(pods, w.withStatus())
	}
	return pods
}

// Active are the pods that use the node's resources, or will.
func (m *Manager) Active() []*v1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.active()
}

func (m *Manager) active() []*v1.Pod {
	var pods []*v1.Pod
	for _, w := range m.workers {
		w.mu.Lock()
		active := !w.ended && !(w.end != nil && !m.started[w.uid] && w.m.o.Status.Get(w.uid) == nil)
		w.mu.Unlock()
		if active {
			pods = append(pods, w.withStatus())
		}
	}
	return pods
}

// Pod is a pod by its name.
func (m *Manager) Pod(namespace, name string) (*v1.Pod, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found *v1.Pod
	for _, w := range m.workers {
		pod := w.snapshot()
		if pod.Namespace != namespace || pod.Name != name {
			continue
		}
		if found == nil || pod.CreationTimestamp.After(found.CreationTimestamp.Time) {
			found = w.withStatus()
		}
	}
	return found, found != nil
}

// Known says whether a pod has a worker.
func (m *Manager) Known(uid apitypes.UID) bool { return m.worker(uid) != nil }

func (w *worker) withStatus() *v1.Pod {
	pod := w.snapshot().DeepCopy()
	pod.Status = *w.status(pod).DeepCopy()
	return pod
}

func (m *Manager) worker(uid apitypes.UID) *worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.workers[uid]
}

// newcomer is the worker of a pod that has none, which may be one that is refused. m.mu is held.
func (m *Manager) newcomer(pod *v1.Pod) *worker {
	w := newWorker(m, pod)
	if m.o.Admit == nil || m.started[pod.UID] || status.Final(pod.Status.Phase) || pod.DeletionTimestamp != nil {
		return w
	}
	others := slices.DeleteFunc(m.active(), func(p *v1.Pod) bool {
		return source.IsStatic(pod) && sameName(p, pod) // its last version, for whose end it waits
	})
	if w.end = m.o.Admit(pod, others); w.end != nil {
		m.event(pod, nil, v1.EventTypeWarning, w.end.Reason, w.end.Message)
	}
	return w
}

// begin has a worker work. m.mu is held.
func (m *Manager) begin(w *worker) {
	m.workers[w.uid] = w
	m.group.Go(func() {
		w.run(m.ctx)
		m.drop(w)
	})
}

// drop forgets a worker that has done its work.
func (m *Manager) drop(w *worker) {
	m.mu.Lock()
	w.mu.Lock()
	pod, cleared, revived := w.pod, w.cleared, w.revived
	w.mu.Unlock()
	if !cleared { // the process ends
		m.mu.Unlock()
		return
	}
	delete(m.workers, w.uid)
	delete(m.started, w.uid)
	m.o.Status.Forget(w.uid)
	for _, other := range m.workers {
		if sameName(other.snapshot(), pod) {
			other.wake() // it waited for the name
		}
	}
	m.mu.Unlock()
	m.backOff.GC()
	if revived != nil {
		m.Update(revived)
	}
}

// nameInUse says whether another pod of a static pod's name is still being ended.
func (m *Manager) nameInUse(w *worker) bool {
	pod := w.snapshot()
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, other := range m.workers {
		if uid == w.uid {
			continue
		}
		other.mu.Lock()
		taken := sameName(other.pod, pod) && !other.ended
		other.mu.Unlock()
		if taken {
			return true
		}
	}
	return false
}

func sameName(a, b *v1.Pod) bool { return a.Namespace == b.Namespace && a.Name == b.Name }

// Housekeep ends what is on the node and belongs to no pod that is wanted. It must be called only when all sources are complete.
func (m *Manager) Housekeep(ctx context.Context) {
	log := klog.FromContext(ctx)
	uids, err := cri.Pods(ctx, m.o.Runtime)
	if err != nil {
		return // the runtime is down, and the node says so
	}
	there := map[apitypes.UID]bool{}
	for _, uid := range uids {
		if there[uid] = true; m.Known(uid) {
			continue
		}
		state, err := cri.Read(ctx, m.o.Runtime, uid)
		if err != nil || state.Name == "" {
			continue
		}
		log.Info("Ending a pod that isn't wanted any more", "pod", klog.KRef(state.Namespace, state.Name), "uid", uid)
		w := newWorker(m, state.Orphan())
		w.removed = true
		m.mu.Lock()
		if m.workers[uid] == nil {
			m.begin(w)
		}
		m.mu.Unlock()
	}
	keep := func(uid apitypes.UID) bool { return there[uid] || m.Known(uid) }
	m.orphans(log, "volumes", keep, m.o.Volumes.Orphans, m.o.Volumes.Teardown)
	m.orphans(log, "cgroup", keep, m.o.Cgroups.Orphans, m.o.Cgroups.RemovePod)
	if err := m.removeLogs(keep); err != nil {
		log.V(2).Info("Cannot remove old logs", "err", err)
	}
}

func (m *Manager) orphans(log klog.Logger, what string, keep func(apitypes.UID) bool,
	list func(func(apitypes.UID) bool) ([]apitypes.UID, error), remove func(apitypes.UID) error,
) {
	uids, err := list(keep)
	if err != nil {
		log.V(2).Info("Cannot list what pods left behind", "what", what, "err", err)
		return
	}
	for _, uid := range uids {
		if err := remove(uid); err != nil {
			log.V(2).Info("Cannot remove what a pod left behind", "what", what, "uid", uid, "err", err)
		}
	}
}
