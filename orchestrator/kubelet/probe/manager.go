package probe

import (
	"context"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Options are what probes need of the kubelet.
type Options struct {
	// Exec runs a command in a container. An error is for a command that could not be run, or, if it is context.DeadlineExceeded or that
	// status of gRPC, for one that took too long.
	Exec func(ctx context.Context, containerID string, cmd []string, timeout time.Duration) (stdout []byte, code int32, err error)
	// Status is a pod's status as last seen, with its containers' IDs and states and the pod's IP; nil if unknown.
	Status   func(types.UID) *v1.PodStatus
	Recorder record.EventRecorder // nil: no events
	Clock    clock.WithTicker     // nil: the real one
}

// Failure is a container that its liveness or startup probe gives up.
type Failure struct {
	UID         types.UID
	Container   string
	ContainerID string // without the runtime's name
	Message     string
	Grace       *int64 // seconds that the probe gives the container to end; nil: the pod's
}

// Manager probes the containers of pods. Its channels have to be read.
type Manager struct {
	o         Options
	unhealthy chan Failure
	changed   chan types.UID
	running   sync.WaitGroup

	mu   sync.Mutex
	pods map[types.UID]map[workerKey]*worker
}

// workerKey is a probe of a pod.
type workerKey struct {
	container string
	kind      kind
}

// kind is what a probe is for, as events name it.
type kind string

const (
	startup   kind = "Startup"
	liveness  kind = "Liveness"
	readiness kind = "Readiness"
)

// New returns a manager without pods.
func New(o Options) *Manager {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Manager{o: o, unhealthy: make(chan Failure), changed: make(chan types.UID), pods: map[types.UID]map[workerKey]*worker{}}
}

// Unhealthy are containers to be killed.
func (m *Manager) Unhealthy() <-chan Failure { return m.unhealthy }

// Changed are pods whose Ready or Started answers changed.
func (m *Manager) Changed() <-chan types.UID { return m.changed }

// Add begins to probe a pod's containers. A pod that is known already stays as it is.
func (m *Manager) Add(pod *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.pods[pod.UID]; ok {
		return
	}
	workers := map[workerKey]*worker{}
	add := func(c *v1.Container, k kind, spec *v1.Probe) {
		if spec != nil {
			workers[workerKey{c.Name, k}] = m.newWorker(pod, c, k, spec)
		}
	}
	each := func(c *v1.Container) {
		add(c, startup, c.StartupProbe)
		add(c, liveness, c.LivenessProbe)
		add(c, readiness, c.ReadinessProbe)
	}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			each(c)
		}
	}
	for i := range pod.Spec.Containers {
		each(&pod.Spec.Containers[i])
	}
	m.pods[pod.UID] = workers
	for _, w := range workers {
		m.running.Go(w.run)
	}
}

// Remove ends a pod's probes.
func (m *Manager) Remove(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.pods[uid] {
		w.stop()
	}
	delete(m.pods, uid)
}

// StopLiveness ends the liveness and startup probes of a pod that is being terminated; readiness is still asked for.
func (m *Manager) StopLiveness(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, w := range m.pods[uid] {
		if key.kind != readiness {
			w.stop()
		}
	}
}

// Stop ends all probes and waits for them.
func (m *Manager) Stop() {
	m.mu.Lock()
	for uid, workers := range m.pods {
		for _, w := range workers {
			w.stop()
		}
		delete(m.pods, uid)
	}
	m.mu.Unlock()
	m.running.Wait()
}

// worker is the probe of a kind that a container has; nil: none.
func (m *Manager) worker(uid types.UID, container string, k kind) *worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pods[uid][workerKey{container, k}]
}

// Ready says whether a running container is ready as far as its probes know: without a readiness probe as soon as it has started.
func (m *Manager) Ready(uid types.UID, container, containerID string) bool {
	w := m.worker(uid, container, readiness)
	return m.Started(uid, container, containerID) && (w == nil || w.succeeded(containerID))
}

// Started says whether a running container has started: always without a startup probe.
func (m *Manager) Started(uid types.UID, container, containerID string) bool {
	w := m.worker(uid, container, startup)
	return w == nil || w.succeeded(containerID)
}

// wake makes a container's other probes look at once: it has started.
func (m *Manager) wake(uid types.UID, container string) {
	for _, k := range []kind{liveness, readiness} {
		if w := m.worker(uid, container, k); w != nil {
			select {
			case w.woken <- struct{}{}:
			default:
			}
		}
	}
}

// bareID is a container's ID without the name of the runtime, which statuses have before it.
func bareID(id string) string {
	if _, bare, ok := strings.Cut(id, "://"); ok {
		return bare
	}
	return id
}
