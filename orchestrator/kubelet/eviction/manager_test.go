package eviction

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubelettypes "k8s.io/kubelet/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
)

// world is a manager of a node that has as much as the test says.
type world struct {
	*Manager
	clock     *testingclock.FakeClock
	events    *record.FakeRecorder
	observed  map[Signal]Observation
	pods      []*v1.Pod
	usage     map[types.UID]PodUsage
	evicted   []string // "<pod>: <message>"
	fails     error
	reclaimed []string
	frees     Signal // by reclaiming
	changes   int
}

func newWorld() *world {
	w := &world{
		clock: testingclock.NewFakeClock(time.Unix(1000, 0)), events: record.NewFakeRecorder(100), usage: map[types.UID]PodUsage{},
		observed: map[Signal]Observation{},
	}
	for _, s := range signals() {
		w.observed[s] = Observation{Available: 1000 << 20, Capacity: 2000 << 20}
	}
	reclaim := func(what string) func(context.Context) error {
		return func(context.Context) error {
			w.reclaimed = append(w.reclaimed, what)
			if o, ok := w.observed[w.frees]; ok && what == "images" {
				o.Available = o.Capacity
				w.observed[w.frees] = o
			}
			return nil
		}
	}
	w.Manager = New(Options{
		Thresholds: append(DefaultThresholds(), Threshold{Signal: PIDAvailable, Quantity: 100}),
		Observe:    func(context.Context) (map[Signal]Observation, error) { return w.observed, w.fails },
		Pods:       func() []*v1.Pod { return w.pods },
		Usage:      func(context.Context, []*v1.Pod, bool) (map[types.UID]PodUsage, error) { return w.usage, nil },
		Evict: func(_ context.Context, pod *v1.Pod, grace int64, reason, message string) error {
			if grace != 1 || reason != "Evicted" {
				return errors.New("not so")
			}
			w.evicted = append(w.evicted, pod.Name+": "+message)
			return nil
		},
		ReclaimContainers: reclaim("containers"), ReclaimImages: reclaim("images"), Changed: func() { w.changes++ },
		Node: &v1.ObjectReference{Kind: "Node", Name: "n"}, Recorder: w.events, Clock: w.clock,
	})
	return w
}

// left sets how much there is left.
func (w *world) left(s Signal, available int64) {
	o := w.observed[s]
	o.Available = available
	w.observed[s] = o
}

// run adds a pod that uses and has asked for megabytes of memory.
func (w *world) run(name string, priority int32, uses, requests int64) *v1.Pod {
	pod := &v1.Pod{}
	pod.Name, pod.UID, pod.Spec.Priority = name, types.UID(name), &priority
	c := v1.Container{Name: "c"}
	if requests > 0 {
		c.Resources.Requests = v1.ResourceList{v1.ResourceMemory: *resource.NewQuantity(requests<<20, resource.BinarySI)}
	}
	pod.Spec.Containers = []v1.Container{c}
	w.pods = append(w.pods, pod)
	w.usage[pod.UID] = PodUsage{Containers: map[string]ContainerUsage{"c": {Memory: uses << 20, Disk: uses << 20, Inodes: uses}}, Processes: uses}
	return pod
}

func TestMemoryPressure(t *testing.T) {
	w := newWorld()
	w.run("modest", 0, 50, 100)
	w.run("greedy", 0, 90, 10)
	require.NoError(t, w.look(t.Context()))
	require.Empty(t, w.evicted)
	w.left(MemoryAvailable, 50<<20)
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, []string{"greedy: The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. " +
		"Container c was using 90Mi, request is 10Mi, has larger consumption of memory. "}, w.evicted, "one in a turn")
	require.Equal(t, "Warning EvictionThresholdMet Attempting to reclaim memory", <-w.events.Events)
	require.Contains(t, <-w.events.Events, "Warning Evicted The node was low on resource: memory.")
	require.Empty(t, w.reclaimed, "no memory is got from disks")
	memory, disk, pid := w.Conditions()
	require.Equal(t, []bool{true, false, false}, []bool{memory, disk, pid})
	require.Equal(t, 1, w.changes)

	w.left(MemoryAvailable, 500<<20)
	w.clock.Step(5*time.Minute - time.Second)
	require.NoError(t, w.look(t.Context()))
	memory, _, _ = w.Conditions()
	require.True(t, memory, "for the transition period")
	w.clock.Step(time.Second)
	memory, _, _ = w.Conditions()
	require.False(t, memory)
	require.Len(t, w.evicted, 1)
}

func TestDiskPressure(t *testing.T) {
	w := newWorld()
	w.run("p", 0, 50, 0)
	w.left(ImageFsAvailable, 299<<20)
	w.frees = ImageFsAvailable
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, []string{"containers", "images"}, w.reclaimed)
	require.Empty(t, w.evicted, "that was enough")
	_, disk, _ := w.Conditions()
	require.True(t, disk)

	w.frees = ""
	w.left(NodeFsAvailable, 199<<20)
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, []string{"p: The node was low on resource: ephemeral-storage. Threshold quantity: 200Mi, available: 199Mi. " +
		"Container c was using 50Mi, request is 0, has larger consumption of ephemeral-storage. "}, w.evicted)
	w.left(NodeFsAvailable, 1000<<20)
	w.left(NodeFsInodesFree, 5)
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, "p: The node was low on resource: inodes. Threshold quantity: 104857600, available: 5. ", w.evicted[1])
}

func TestProcessPressure(t *testing.T) {
	w := newWorld()
	w.run("few", 0, 5, 0)
	w.run("many", 0, 500, 0)
	w.run("important", 10, 5000, 0)
	w.left(PIDAvailable, 10)
	w.left(NodeFsAvailable, 0)
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, []string{"many: The node was low on resource: pids. Threshold quantity: 100, available: 10. "}, w.evicted, "before the disk's turn")
	_, disk, pid := w.Conditions()
	require.True(t, disk && pid)
}

func TestOrder(t *testing.T) {
	w := newWorld()
	w.run("below its request, least", -5, 10, 100)
	w.run("above, important", 10, 500, 0)
	w.run("above by little", 0, 110, 100)
	w.run("above by much", 0, 300, 100)
	w.run("without requests", 0, 150, 0)
	var names []string
	for _, pod := range rank(w.pods, w.usage, "memory") {
		names = append(names, pod.Name)
	}
	require.Equal(t, []string{"above by much", "without requests", "above by little", "above, important", "below its request, least"}, names)
}

func TestCriticalPodsStay(t *testing.T) {
	w := newWorld()
	w.run("system", 2_000_000_000, 900, 0)
	w.run("static", 0, 900, 0).Annotations = map[string]string{"kubernetes.io/config.source": "file"}
	w.run("mirror", 0, 900, 0).Annotations = map[string]string{v1.MirrorPodAnnotationKey: "x"}
	w.left(MemoryAvailable, 1)
	require.NoError(t, w.look(t.Context()))
	require.Empty(t, w.evicted)
	w.run("api", 0, 1, 0).Annotations = map[string]string{"kubernetes.io/config.source": "api"}
	require.NoError(t, w.look(t.Context()))
	require.Len(t, w.evicted, 1)
}

func TestPodsOverTheirLimits(t *testing.T) {
	storage := func(limit string) v1.ResourceRequirements {
		return v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceEphemeralStorage: resource.MustParse(limit)}}
	}
	for name, c := range map[string]struct {
		change func(*v1.Pod)
		usage  PodUsage
		want   string
	}{
		"within all": {func(p *v1.Pod) { p.Spec.Containers[0].Resources = storage("10") }, PodUsage{Containers: map[string]ContainerUsage{"c": {Disk: 10}}}, ""},
		"an emptyDir": {func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("1Mi"))}}}}
		}, PodUsage{EmptyDirs: map[string]int64{"v": 1<<20 + 1}}, `Usage of EmptyDir volume "v" exceeds the limit "1Mi". `},
		"the whole pod": {
			func(p *v1.Pod) { p.Spec.Containers[0].Resources = storage("10") }, PodUsage{EmptyDirs: map[string]int64{"v": 11}},
			"Pod ephemeral local storage usage exceeds the total limit of containers 10. ",
		},
		"a container": {func(p *v1.Pod) {
			p.Spec.Containers[0].Resources = storage("10")
			p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: "d"})
		}, PodUsage{Containers: map[string]ContainerUsage{"c": {Disk: 11}}}, `Container c exceeded its local ephemeral storage limit "10". `},
		"no limits": {func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}}}
		}, PodUsage{EmptyDirs: map[string]int64{"v": 1 << 40}}, ""},
	} {
		w := newWorld()
		c.change(w.run("p", 0, 0, 0))
		w.usage["p"] = c.usage
		require.NoError(t, w.look(t.Context()), name)
		if c.want == "" {
			require.Empty(t, w.evicted, name)
			continue
		}
		require.Equal(t, []string{"p: " + c.want}, w.evicted, name)
	}
}

func TestAdmission(t *testing.T) {
	w := newWorld()
	bestEffort, burstable := w.run("b", 0, 0, 0), w.run("r", 0, 0, 10)
	critical := w.run("c", 2_000_001_000, 0, 0)
	tolerant := w.run("t", 0, 0, 0)
	tolerant.Spec.Tolerations = []v1.Toleration{{Key: v1.TaintNodeMemoryPressure, Operator: v1.TolerationOpExists}}
	w.pods = nil
	admitted := func() (names string) {
		for _, pod := range []*v1.Pod{bestEffort, burstable, critical, tolerant} {
			if ok, _, _ := w.Admit(pod); ok {
				names += pod.Name
			}
		}
		return names
	}
	require.Equal(t, "brct", admitted())
	w.left(MemoryAvailable, 1)
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, "rct", admitted())
	ok, reason, text := w.Admit(bestEffort)
	require.False(t, ok)
	require.Equal(t, "Evicted", reason)
	require.Equal(t, "The node had condition: [MemoryPressure]. ", text)
	w.left(NodeFsAvailable, 1)
	require.NoError(t, w.look(t.Context()))
	require.Equal(t, "c", admitted())
	_, _, text = w.Admit(burstable)
	require.Equal(t, "The node had condition: [MemoryPressure DiskPressure]. ", text)
}

func TestRunGoesOnAfterAFailure(t *testing.T) {
	w := newWorld()
	w.fails = errors.New("no figures")
	looks := make(chan struct{})
	observe := w.o.Observe
	w.o.Observe = func(ctx context.Context) (map[Signal]Observation, error) {
		looks <- struct{}{}
		return observe(ctx)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	<-looks
	w.clock.Step(10 * time.Second)
	<-looks
	cancel()
	<-ended
}

func TestParseThresholds(t *testing.T) {
	parsed, err := ParseThresholds(map[string]string{"memory.available": "100Mi", "nodefs.available": "12.5%", "imagefs.available": "0%", "pid.available": "1k"})
	require.NoError(t, err)
	require.Equal(t, []Threshold{{Signal: MemoryAvailable, Quantity: 100 << 20}, {Signal: NodeFsAvailable, Fraction: 0.125}, {Signal: PIDAvailable, Quantity: 1000}}, parsed)
	require.EqualValues(t, 125, parsed[1].quantity(1000))
	none, err := ParseThresholds(map[string]string{})
	require.NoError(t, err)
	require.NotNil(t, none, "none is not the defaults")
	for signal, text := range map[string]string{"memory.free": "1", "memory.available": "much", "nodefs.available": "x%", "imagefs.available": "-1%", "pid.available": "-1"} {
		_, err := ParseThresholds(map[string]string{signal: text})
		require.Error(t, err, signal)
	}
}

func TestObserveTheMachine(t *testing.T) {
	observed, err := (&NodeObserver{RootDir: t.TempDir()}).Observe(t.Context())
	require.NoError(t, err)
	for _, s := range signals() {
		require.LessOrEqual(t, observed[s].Available, observed[s].Capacity, s)
	}
	require.NotZero(t, observed[MemoryAvailable].Available)
	require.NotZero(t, observed[PIDAvailable].Available)
	_, err = (&NodeObserver{RootDir: "/", ImageDir: func(context.Context) (string, error) { return "", errors.New("no runtime") }}).Observe(t.Context())
	require.ErrorContains(t, err, "no runtime")
	proc := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(proc, "meminfo"), []byte("nonsense"), 0o600))
	_, err = (&NodeObserver{RootDir: "/", Proc: proc}).Observe(t.Context())
	require.ErrorContains(t, err, "meminfo")
}

// figures is a runtime that has some of containers.
type figures struct {
	internalapi.RuntimeService
	all []*runtimeapi.ContainerStats
}

func (f *figures) ListContainerStats(context.Context, *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	return f.all, nil
}

func TestMeter(t *testing.T) {
	of := func(uid, container string, memory, disk uint64) *runtimeapi.ContainerStats {
		return &runtimeapi.ContainerStats{
			Attributes: &runtimeapi.ContainerAttributes{Labels: map[string]string{
				kubelettypes.KubernetesPodUIDLabel: uid, kubelettypes.KubernetesContainerNameLabel: container,
			}},
			Memory:        &runtimeapi.MemoryUsage{WorkingSetBytes: &runtimeapi.UInt64Value{Value: memory}},
			WritableLayer: &runtimeapi.FilesystemUsage{UsedBytes: &runtimeapi.UInt64Value{Value: disk}},
		}
	}
	logs := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(logs, "0.log"), make([]byte, 10_000), 0o600))
	m := &Meter{
		Runtime:   &figures{all: []*runtimeapi.ContainerStats{of("u", "a", 1, 2), of("u", "b", 10, 20), of("other", "a", 100, 100), {}}},
		EmptyDirs: func(*v1.Pod) map[string]int64 { return map[string]int64{"v": 1000} },
		LogDir:    func(*v1.Pod, string) string { return logs }, Processes: func(*v1.Pod) int64 { return 3 },
	}
	pod := &v1.Pod{}
	pod.UID = "u"
	usage, err := m.Usage(t.Context(), []*v1.Pod{pod}, false)
	require.NoError(t, err)
	u := usage["u"]
	require.EqualValues(t, []int64{11, 22, 0, 3}, []int64{u.of("memory"), u.of("ephemeral-storage"), u.of("inodes"), u.of("pids")})
	usage, err = m.Usage(t.Context(), []*v1.Pod{pod}, true)
	require.NoError(t, err)
	u = usage["u"]
	require.Greater(t, u.of("ephemeral-storage"), int64(22+1000+2*10_000-1))
	require.EqualValues(t, 1000, u.EmptyDirs["v"])
}
