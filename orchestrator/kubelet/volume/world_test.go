package volume

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	testingclock "k8s.io/utils/clock/testing"
)

// world is a manager and what it talks to.
type world struct {
	*Manager
	client *fake.Clientset
	clock  *testingclock.FakePassiveClock
	events *record.FakeRecorder
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	w := &world{
		client: fake.NewClientset(objects...), clock: testingclock.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		events: record.NewFakeRecorder(100),
	}
	w.Manager = New(Options{Root: filepath.Join(t.TempDir(), "pods"), Client: w.client, NodeName: "n", Recorder: w.events, Clock: w.clock})
	t.Cleanup(func() { require.NoError(t, unmountBelow(w.o.Root)) })
	return w
}

// podOf has one container that mounts each volume at /<name>.
func podOf(volumes ...v1.Volume) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: "p", UID: "uid-1", Labels: map[string]string{"b": "2", "a": "x\"y"},
	}}
	pod.Spec.Volumes = volumes
	c := v1.Container{Name: "c"}
	for i := range volumes {
		c.VolumeMounts = append(c.VolumeMounts, v1.VolumeMount{Name: volumes[i].Name, MountPath: "/" + volumes[i].Name})
	}
	pod.Spec.Containers = []v1.Container{c}
	return pod
}

func named(name string, source v1.VolumeSource) v1.Volume {
	return v1.Volume{Name: name, VolumeSource: source}
}

// paths are where a pod's volumes are, by name.
func (w *world) paths(t *testing.T, pod *v1.Pod) map[string]*runtimeapi.Mount {
	t.Helper()
	mounts, err := w.Mounts(pod, &pod.Spec.Containers[0], nil)
	require.NoError(t, err)
	byName := map[string]*runtimeapi.Mount{}
	for i, m := range mounts {
		byName[pod.Spec.Containers[0].VolumeMounts[i].Name] = m
	}
	return byName
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(data)
}

func mode(t *testing.T, path ...string) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(path...))
	require.NoError(t, err)
	return info.Mode()
}
