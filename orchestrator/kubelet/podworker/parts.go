package podworker

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/environment"
	"github.com/petcd/petcd/orchestrator/kubelet/probe"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// Volumes are pods' folders and what is mounted from them. volume.Manager is one.
type Volumes interface {
	Setup(ctx context.Context, pod *v1.Pod) error
	Refresh(ctx context.Context, pod *v1.Pod) error
	Mounts(pod *v1.Pod, container *v1.Container, env []*runtimeapi.KeyValue) ([]*runtimeapi.Mount, error)
	Teardown(uid types.UID) error
	Orphans(keep func(types.UID) bool) ([]types.UID, error)
	PodDir(uid types.UID) string
}

// Environment is what containers' environments are made by. environment.Builder is one.
type Environment interface {
	Env(ctx context.Context, pod *v1.Pod, container *v1.Container, f environment.Facts) ([]*runtimeapi.KeyValue, error)
}

// Images makes images present. image.Puller does. An error may say its reason as *image.Error does.
type Images interface {
	Ensure(ctx context.Context, pod *v1.Pod, container *v1.Container, sandbox *runtimeapi.PodSandboxConfig) (imageRef string, err error)
}

// Cgroups are pods' cgroups. cgroup.Manager has them.
type Cgroups interface {
	EnsurePod(pod *v1.Pod) (cgroupParent string, err error)
	RemovePod(uid types.UID) error
	Orphans(keep func(types.UID) bool) ([]types.UID, error)
	Resources(pod *v1.Pod, container *v1.Container) *runtimeapi.LinuxContainerResources
}

// Probes ask containers how they are. probe.Manager does.
type Probes interface {
	Add(pod *v1.Pod)
	Remove(uid types.UID)
	StopLiveness(uid types.UID)
	Ready(uid types.UID, container, containerID string) bool
	Started(uid types.UID, container, containerID string) bool
	Unhealthy() <-chan probe.Failure
	Changed() <-chan types.UID
}

// Options are what workers work with.
type Options struct {
	Node        *cri.Node
	Runtime     internalapi.RuntimeService
	Images      internalapi.ImageManagerService // for the users that images name
	RuntimeName string                          // as container IDs begin with it

	Volumes     Volumes
	Environment Environment
	Puller      Images
	Cgroups     Cgroups
	Probes      Probes

	Status   *status.Manager
	Recorder record.EventRecorder
	HostIPs  func() []string

	// Admit says why a pod that is new here can't run beside those that are active; nil: it can.
	Admit func(pod *v1.Pod, active []*v1.Pod) *status.End

	Clock      clock.WithTicker
	BackOff    time.Duration // after a container's first crash; it doubles
	MaxBackOff time.Duration
	SyncPeriod time.Duration // how often a worker looks though nothing happened
}
