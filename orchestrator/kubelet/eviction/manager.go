package eviction

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/kubelet/cgroup"
)

// Options are what an eviction manager works with.
type Options struct {
	Thresholds       []Threshold   // nil: DefaultThresholds
	TransitionPeriod time.Duration // how long a pressure condition stays after its cause; 0: five minutes
	Interval         time.Duration // 0: ten seconds

	// Observe is what is left of the node's resources: NodeObserver.Observe.
	Observe func(ctx context.Context) (map[Signal]Observation, error)
	// Pods are those of this node that have not ended.
	Pods func() []*v1.Pod
	// Usage is what these pods use, of disks only if that is asked for: Meter.Usage.
	Usage func(ctx context.Context, pods []*v1.Pod, disk bool) (map[types.UID]PodUsage, error)
	// Evict ends a pod: phase Failed, with this reason and message. It returns when the pod's containers are gone, or with an error.
	Evict func(ctx context.Context, pod *v1.Pod, gracePeriod int64, reason, message string) error
	// ReclaimContainers and ReclaimImages free the disk of dead containers and unused images; nil: nothing to reclaim.
	ReclaimContainers, ReclaimImages func(ctx context.Context) error
	// Changed is told that Conditions says something new; nil: nobody is.
	Changed func()

	Node     *v1.ObjectReference  // whom events are about
	Recorder record.EventRecorder // nil: no events
	Clock    clock.WithTicker     // nil: the real one
}

// Manager watches the node's resources and evicts pods before the node runs out of them.
type Manager struct {
	o Options

	mu   sync.Mutex
	last map[v1.NodeConditionType]time.Time // when a pressure was last observed
}

// New returns a manager.
func New(o Options) *Manager {
	if o.Thresholds == nil {
		o.Thresholds = DefaultThresholds()
	}
	o.TransitionPeriod = cmp.Or(o.TransitionPeriod, 5*time.Minute)
	o.Interval = cmp.Or(o.Interval, 10*time.Second)
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Manager{o: o, last: map[v1.NodeConditionType]time.Time{}}
}

const (
	// Reason is why an evicted pod failed.
	Reason = "Evicted"
	// gracePeriod is the seconds that a pod gets: the node has no more.
	gracePeriod = 1
	lowMessage  = "The node was low on resource: %s. "
)

// Run looks at intervals until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	ticker := m.o.Clock.NewTicker(m.o.Interval)
	defer ticker.Stop()
	for {
		if err := m.look(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Eviction manager could not look at the node")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
	}
}

// look is one turn: what is met, what can be taken back, and who has to go.
func (m *Manager) look(ctx context.Context) error {
	observed, err := m.o.Observe(ctx)
	if err != nil {
		return err
	}
	met := m.met(observed)
	m.note(met)
	pods := m.o.Pods()
	if evicted, err := m.limits(ctx, pods); evicted || err != nil {
		return err
	}
	if len(met) == 0 {
		return nil
	}
	worst := met[0]
	m.event("EvictionThresholdMet", fmt.Sprintf("Attempting to reclaim %s", worst.Signal.resource()))
	if worst.Signal.onDisk() {
		if observed, err = m.reclaim(ctx); err != nil {
			return err
		}
		if met = m.met(observed); !slices.Contains(met, worst) {
			return nil
		}
	}
	return m.evictOne(ctx, worst, observed[worst.Signal], pods)
}

// met are the thresholds that are, those of disks last: the others go faster.
func (m *Manager) met(observed map[Signal]Observation) []Threshold {
	var met []Threshold
	for _, t := range m.o.Thresholds {
		if o, ok := observed[t.Signal]; ok && o.Available < t.quantity(o.Capacity) {
			met = append(met, t)
		}
	}
	slices.SortStableFunc(met, func(a, b Threshold) int {
		switch {
		case a.Signal.onDisk() == b.Signal.onDisk():
			return 0
		case a.Signal.onDisk():
			return 1
		}
		return -1
	})
	return met
}

// note remembers under which pressure the node is.
func (m *Manager) note(met []Threshold) {
	memory, disk, pid := m.Conditions()
	m.mu.Lock()
	for _, t := range met {
		m.last[t.Signal.condition()] = m.o.Clock.Now()
	}
	m.mu.Unlock()
	if memory2, disk2, pid2 := m.Conditions(); m.o.Changed != nil && (memory != memory2 || disk != disk2 || pid != pid2) {
		m.o.Changed()
	}
}

// Conditions says under which pressure the node is.
func (m *Manager) Conditions() (memory, disk, pid bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := func(condition v1.NodeConditionType) bool {
		last, ok := m.last[condition]
		return ok && m.o.Clock.Since(last) < m.o.TransitionPeriod
	}
	return is(v1.NodeMemoryPressure), is(v1.NodeDiskPressure), is(v1.NodePIDPressure)
}

// reclaim frees what disk it can without a pod's loss, and looks again.
func (m *Manager) reclaim(ctx context.Context) (map[Signal]Observation, error) {
	for _, f := range []func(context.Context) error{m.o.ReclaimContainers, m.o.ReclaimImages} {
		if f == nil {
			continue
		}
		if err := f(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "Could not reclaim disk")
		}
	}
	return m.o.Observe(ctx)
}

// evictOne ends the first pod, by rank, that may be ended.
func (m *Manager) evictOne(ctx context.Context, t Threshold, o Observation, pods []*v1.Pod) error {
	usage, err := m.o.Usage(ctx, pods, t.Signal.onDisk())
	if err != nil {
		return err
	}
	for _, pod := range rank(pods, usage, t.Signal.resource()) {
		if isCritical(pod) {
			continue
		}
		return m.evict(ctx, pod, message(t, o, pod, usage[pod.UID]))
	}
	klog.FromContext(ctx).Info("No pod can be evicted", "resource", t.Signal.resource())
	return nil
}

func (m *Manager) evict(ctx context.Context, pod *v1.Pod, text string) error {
	klog.FromContext(ctx).Info("Evicting pod", "pod", klog.KObj(pod), "why", text)
	if m.o.Recorder != nil {
		m.o.Recorder.Event(pod, v1.EventTypeWarning, Reason, text)
	}
	if err := m.o.Evict(ctx, pod, gracePeriod, Reason, text); err != nil {
		return fmt.Errorf("eviction: pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// systemCritical is the priority from which a pod is: no user may give it.
const systemCritical = 2_000_000_000

// isCritical says whether a pod has to be there whatever the node is short of. Static pods, and their mirrors, are such.
func isCritical(pod *v1.Pod) bool {
	const source, mirror, api = "kubernetes.io/config.source", v1.MirrorPodAnnotationKey, "api"
	from, ok := pod.Annotations[source]
	return ok && from != api || pod.Annotations[mirror] != "" || pod.Spec.Priority != nil && *pod.Spec.Priority >= systemCritical
}

// Admit says whether a pod may start under the pressure there is. Under that of memory alone a pod may that has asked for some, or that
// tolerates it.
func (m *Manager) Admit(pod *v1.Pod) (ok bool, reason, message string) {
	memory, disk, pid := m.Conditions()
	if !memory && !disk && !pid || isCritical(pod) {
		return true, "", ""
	}
	if memory && !disk && !pid {
		taint := &v1.Taint{Key: v1.TaintNodeMemoryPressure, Effect: v1.TaintEffectNoSchedule}
		if cgroup.QoS(pod) != v1.PodQOSBestEffort || corev1helpers.TolerationsTolerateTaint(klog.Background(), pod.Spec.Tolerations, taint, false) {
			return true, "", ""
		}
	}
	var conditions []v1.NodeConditionType
	for _, c := range []struct {
		name v1.NodeConditionType
		is   bool
	}{{v1.NodeMemoryPressure, memory}, {v1.NodeDiskPressure, disk}, {v1.NodePIDPressure, pid}} {
		if c.is {
			conditions = append(conditions, c.name)
		}
	}
	return false, Reason, fmt.Sprintf("The node had condition: %v. ", conditions)
}

// event tells of the node.
func (m *Manager) event(reason, text string) {
	if m.o.Recorder != nil && m.o.Node != nil {
		m.o.Recorder.Event(m.o.Node, v1.EventTypeWarning, reason, text)
	}
}
