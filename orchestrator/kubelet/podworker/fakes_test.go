package podworker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/crifake"
	"github.com/petcd/petcd/orchestrator/kubelet/environment"
	"github.com/petcd/petcd/orchestrator/kubelet/image"
	"github.com/petcd/petcd/orchestrator/kubelet/probe"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// parts are fakes of all that workers work with, but for the runtime.
type parts struct {
	dir string

	mu                 sync.Mutex
	unready, unstarted map[string]bool // containers that aren't ready, and that haven't started
	broken             map[string]bool // images that can't be pulled

	unhealthy chan probe.Failure
	changed   chan types.UID
}

func (p *parts) Setup(context.Context, *v1.Pod) error   { return nil }
func (p *parts) Refresh(context.Context, *v1.Pod) error { return nil }
func (p *parts) Mounts(*v1.Pod, *v1.Container, []*runtimeapi.KeyValue) ([]*runtimeapi.Mount, error) {
	return nil, nil
}
func (p *parts) PodDir(uid types.UID) string                                          { return filepath.Join(p.dir, "pods", string(uid)) }
func (p *parts) Orphans(func(types.UID) bool) ([]types.UID, error)                    { return nil, nil }
func (p *parts) EnsurePod(*v1.Pod) (string, error)                                    { return "/kubepods", nil }
func (p *parts) RemovePod(types.UID) error                                            { return nil }
func (p *parts) Add(*v1.Pod)                                                          {}
func (p *parts) Remove(types.UID)                                                     {}
func (p *parts) StopLiveness(types.UID)                                               {}
func (p *parts) Unhealthy() <-chan probe.Failure                                      { return p.unhealthy }
func (p *parts) Changed() <-chan types.UID                                            { return p.changed }
func (p *parts) Resources(*v1.Pod, *v1.Container) *runtimeapi.LinuxContainerResources { return nil }

func (p *parts) Teardown(uid types.UID) error {
	return os.RemoveAll(p.PodDir(uid))
}

func (p *parts) Env(context.Context, *v1.Pod, *v1.Container, environment.Facts) ([]*runtimeapi.KeyValue, error) {
	return nil, nil
}

func (p *parts) Ready(_ types.UID, container, _ string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.unready[container]
}

func (p *parts) Started(_ types.UID, container, _ string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.unstarted[container]
}

func (p *parts) Ensure(_ context.Context, _ *v1.Pod, c *v1.Container, _ *runtimeapi.PodSandboxConfig) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken[c.Image] {
		return "", &image.Error{Reason: image.ReasonErrImagePull, Message: "no such image"}
	}
	return c.Image, nil
}

// bench is workers on a fake runtime.
type bench struct {
	t       *testing.T
	runtime *crifake.Runtime
	parts   *parts
	client  *fake.Clientset
	status  *status.Manager
	events  *record.FakeRecorder
	m       *Manager
	stop    func()
}

// newBench returns workers that have begun, with pods that the apiserver knows.
func newBench(t *testing.T, pods ...*v1.Pod) *bench {
	b := &bench{t: t, runtime: crifake.New(), events: record.NewFakeRecorder(1000), client: fake.NewClientset()}
	for _, pod := range pods {
		require.NoError(t, b.client.Tracker().Add(pod))
	}
	b.parts = &parts{
		dir: t.TempDir(), unready: map[string]bool{}, unstarted: map[string]bool{}, broken: map[string]bool{},
		unhealthy: make(chan probe.Failure), changed: make(chan types.UID),
	}
	b.begin()
	return b
}

// begin starts a kubelet's workers on the runtime there is, as a process that begins does.
func (b *bench) begin(with ...func(*Options)) {
	ctx, cancel := context.WithCancel(b.t.Context())
	b.status = status.NewManager(b.client)
	o := Options{
		Node:    &cri.Node{Name: "here", LogsDir: filepath.Join(b.parts.dir, "logs")},
		Runtime: b.runtime, Images: b.runtime, RuntimeName: "fake",
		Volumes: b.parts, Environment: b.parts, Puller: b.parts, Cgroups: b.parts, Probes: b.parts,
		Status: b.status, Recorder: b.events, HostIPs: func() []string { return []string{"192.0.2.1"} },
		BackOff: 20 * time.Millisecond, MaxBackOff: time.Second, SyncPeriod: time.Hour,
	}
	for _, f := range with {
		f(&o)
	}
	b.m = New(o)
	require.NoError(b.t, b.m.Start(ctx))
	var group sync.WaitGroup
	group.Go(func() { b.m.Run(ctx) })
	group.Go(func() { b.status.Run(ctx) })
	observer := cri.NewObserver(b.runtime, func(uid types.UID) { b.m.Wake(uid) })
	group.Go(func() { observer.Run(ctx, 5*time.Millisecond, func(error) {}) })
	var once sync.Once
	b.stop = func() {
		once.Do(func() {
			cancel()
			group.Wait()
		})
	}
	b.t.Cleanup(b.stop)
}

// until waits for a pod's status to be so.
func (b *bench) until(pod *v1.Pod, what string, is func(*v1.PodStatus) bool) {
	b.t.Helper()
	var last *v1.PodStatus
	if !eventually(func() bool {
		last = b.status.Get(pod.UID)
		return last != nil && is(last)
	}) {
		b.t.Fatalf("never %s; at last %+v", what, last)
	}
}

// untilTorn waits until what a pod held on the node is given back, and its status was computed since.
func (b *bench) untilTorn(pod *v1.Pod) {
	b.t.Helper()
	require.True(b.t, eventually(func() bool {
		w := b.m.worker(pod.UID)
		if w == nil {
			return true
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.settled
	}), "what it held is given back")
	require.NoDirExists(b.t, b.parts.PodDir(pod.UID))
	if w := b.m.worker(pod.UID); w != nil {
		w.report(b.t.Context())
	}
}

func (b *bench) untilPhase(pod *v1.Pod, phase v1.PodPhase) {
	b.t.Helper()
	b.until(pod, string(phase), func(s *v1.PodStatus) bool { return s.Phase == phase })
}

// untilRunning waits until exactly these containers run.
func (b *bench) untilRunning(names ...string) {
	b.t.Helper()
	slices.Sort(names)
	if !eventually(func() bool { return slices.Equal(b.runtime.Running(), names) }) {
		b.t.Fatalf("never did just %v run, but %v", names, b.runtime.Running())
	}
}

// untilClear waits until the runtime has nothing left.
func (b *bench) untilClear() {
	b.t.Helper()
	require.True(b.t, eventually(func() bool { return b.runtime.Left() == 0 }), "something is left in the runtime")
}

func eventually(is func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// event waits for an event that contains a text.
func (b *bench) event(text string) {
	b.t.Helper()
	timeout := time.After(patience)
	var seen []string
	for {
		select {
		case e := <-b.events.Events:
			seen = append(seen, e)
			if strings.Contains(e, text) {
				return
			}
		case <-timeout:
			b.t.Fatalf("no event %q, but %q", text, seen)
		}
	}
}

var errBroken = errors.New("broken")

// podOf is a pod of containers of these names, with restart policy Always.
func podOf(name string, containers ...string) *v1.Pod {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID("uid-" + name), Generation: 1},
		Spec:       v1.PodSpec{NodeName: "here", RestartPolicy: v1.RestartPolicyAlways, TerminationGracePeriodSeconds: ptr.To(int64(5)), DNSPolicy: v1.DNSDefault},
	}
	for _, c := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: c, Image: "image"})
	}
	return pod
}

// deleted is the pod after somebody asked for its deletion.
func deleted(pod *v1.Pod, grace int64) *v1.Pod {
	pod = pod.DeepCopy()
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, &grace
	return pod
}
