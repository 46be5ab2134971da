package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Options say where volumes are made and from what.
type Options struct {
	Root        string                 // <root-dir>/pods: a folder per pod below
	Client      kubernetes.Interface   // nil: volumes that need the apiserver fail
	NodeName    string                 // whose volumes these are
	Allocatable func() v1.ResourceList // what resourceFieldRef says of a container without limits; nil: nothing
	Recorder    record.EventRecorder   // nil: no events
	Clock       clock.PassiveClock     // nil: the real one
}

// Manager makes and removes the volumes of pods on this node. Calls for different pods may run at the same time.
type Manager struct {
	o      Options
	tokens *tokens
	pods   podLocks // one call at a time for a pod

	mu     sync.Mutex
	claims map[claimKey]source // what Setup found behind claims
}

// claimKey is a volume of a pod that is a claim.
type claimKey struct {
	uid    types.UID
	volume string
}

// New returns a manager of the volumes below o.Root.
func New(o Options) *Manager {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Manager{o: o, tokens: newTokens(o.Client, o.Clock), claims: map[claimKey]source{}}
}

// PodDir is the folder of a pod.
func (m *Manager) PodDir(uid types.UID) string { return filepath.Join(m.o.Root, string(uid)) }

// Setup makes all volumes of a pod that a container uses; what is there already stays, and is brought up to date.
func (m *Manager) Setup(ctx context.Context, pod *v1.Pod) error {
	return m.each(ctx, pod, func(*v1.Volume) bool { return true })
}

// Refresh brings what pods see of configMaps, secrets, tokens and themselves up to date. What can't be had stays as it was.
func (m *Manager) Refresh(ctx context.Context, pod *v1.Pod) error {
	return m.each(ctx, pod, func(volume *v1.Volume) bool {
		return volume.ConfigMap != nil || volume.Secret != nil || volume.DownwardAPI != nil || volume.Projected != nil
	})
}

// each makes those volumes of a pod that are wanted. One that fails does not keep the others from being made.
func (m *Manager) each(ctx context.Context, pod *v1.Pod, wanted func(*v1.Volume) bool) error {
	if err := checkUID(pod.UID); err != nil {
		return err
	}
	defer m.pods.lock(pod.UID)()
	if err := os.MkdirAll(m.PodDir(pod.UID), 0o750); err != nil {
		return fmt.Errorf("volume: folder of pod: %w", err)
	}
	used := mounted(pod)
	var all []error
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if !used.Has(volume.Name) || !wanted(volume) {
			continue
		}
		if err := m.setup(ctx, pod, volume); err != nil {
			err = fmt.Errorf("MountVolume.SetUp failed for volume %q : %w", volume.Name, err)
			if m.o.Recorder != nil {
				m.o.Recorder.Event(pod, v1.EventTypeWarning, "FailedMount", err.Error())
			}
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// setup makes one volume.
func (m *Manager) setup(ctx context.Context, pod *v1.Pod, volume *v1.Volume) error {
	s, err := m.resolve(ctx, pod, volume)
	if err != nil {
		return err
	}
	return s.setup(ctx)
}

// mounted are the names of the volumes that a pod's containers use.
func mounted(pod *v1.Pod) sets.Set[string] {
	names := sets.New[string]()
	add := func(mounts []v1.VolumeMount, devices []v1.VolumeDevice) {
		for i := range mounts {
			names.Insert(mounts[i].Name)
		}
		for i := range devices {
			names.Insert(devices[i].Name)
		}
	}
	for i := range pod.Spec.InitContainers {
		add(pod.Spec.InitContainers[i].VolumeMounts, pod.Spec.InitContainers[i].VolumeDevices)
	}
	for i := range pod.Spec.Containers {
		add(pod.Spec.Containers[i].VolumeMounts, pod.Spec.Containers[i].VolumeDevices)
	}
	for i := range pod.Spec.EphemeralContainers {
		add(pod.Spec.EphemeralContainers[i].VolumeMounts, pod.Spec.EphemeralContainers[i].VolumeDevices)
	}
	return names
}

// checkUID refuses what would lead out of the pods' folder. UIDs of static pods come from files, those of orphans from folder names.
func checkUID(uid types.UID) error { return checkName("pod UID", string(uid)) }

// checkName refuses what isn't the name of one folder. Nothing that came through the apiserver is refused; a static pod came from a file.
func checkName(what, name string) error {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return fmt.Errorf("volume: %s %q is not the name of a folder", what, name)
	}
	return nil
}
