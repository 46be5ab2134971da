package cri

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubelet/pkg/types"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Pod is what a runtime knows of a pod. Sandboxes and containers are in order of age, the newest first.
type Pod struct {
	UID             apitypes.UID
	Namespace, Name string
	Sandboxes       []Sandbox
	Containers      []Container
}

// Sandbox is what holds a pod's containers together: their network above all.
type Sandbox struct {
	ID        string
	Attempt   uint32
	Ready     bool
	CreatedAt time.Time
	IPs       []string // none on the host's network
}

// Container is one attempt to run a container of a pod.
type Container struct {
	ID, SandboxID, Name string
	Attempt             int // the restart count that it was created with
	State               runtimeapi.ContainerState
	Created             time.Time
	Started, Finished   time.Time // zero: not yet
	ExitCode            int32
	Reason, Message     string
	Image, ImageID      string
	LogPath             string
	Hash                string
	User                *v1.ContainerUser // nil: the runtime doesn't say

	TerminationMessagePath   string
	TerminationMessagePolicy v1.TerminationMessagePolicy
	PodGrace                 *int64
	PreStop                  *v1.LifecycleHandler
}

// Running says whether its process is alive.
func (c *Container) Running() bool { return c.State == runtimeapi.ContainerState_CONTAINER_RUNNING }

// Exited says whether it ran and is over.
func (c *Container) Exited() bool { return c.State == runtimeapi.ContainerState_CONTAINER_EXITED }

// Sandbox is the newest one, or nil.
func (p *Pod) Sandbox() *Sandbox {
	if len(p.Sandboxes) == 0 {
		return nil
	}
	return &p.Sandboxes[0]
}

// Newest is the latest attempt of a container, or nil. With a sandbox given only attempts in it count.
func (p *Pod) Newest(name, sandbox string) *Container {
	for i := range p.Containers {
		if c := &p.Containers[i]; c.Name == name && (sandbox == "" || c.SandboxID == sandbox) {
			return c
		}
	}
	return nil
}

// Idle says whether nothing of the pod runs any more.
func (p *Pod) Idle() bool {
	return !slices.ContainsFunc(p.Sandboxes, func(s Sandbox) bool { return s.Ready }) &&
		!slices.ContainsFunc(p.Containers, func(c Container) bool { return c.Running() })
}

// Orphan is the pod as far as the runtime knows it, for a pod whose object is gone and that has to be ended.
func (p *Pod) Orphan() *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace, UID: p.UID}}
	seen := map[string]bool{}
	for i := range p.Containers {
		c := &p.Containers[i]
		if seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		spec := v1.Container{Name: c.Name, Image: c.Image}
		if c.PreStop != nil {
			spec.Lifecycle = &v1.Lifecycle{PreStop: c.PreStop}
		}
		pod.Spec.Containers = append(pod.Spec.Containers, spec)
		if c.PodGrace != nil {
			pod.Spec.TerminationGracePeriodSeconds = c.PodGrace
		}
	}
	return pod
}

// Read asks a runtime for all it knows of a pod.
func Read(ctx context.Context, runtime internalapi.RuntimeService, uid apitypes.UID) (*Pod, error) {
	labels := map[string]string{types.KubernetesPodUIDLabel: string(uid)}
	sandboxes, err := runtime.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{LabelSelector: labels})
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	containers, err := runtime.ListContainers(ctx, &runtimeapi.ContainerFilter{LabelSelector: labels})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	pod := &Pod{UID: uid}
	for _, s := range sandboxes {
		answer, err := runtime.PodSandboxStatus(ctx, s.GetId(), false)
		if IsNotFound(err) { // removed since it was listed
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sandbox %s: %w", s.GetId(), err)
		}
		pod.Name, pod.Namespace = s.GetLabels()[types.KubernetesPodNameLabel], s.GetLabels()[types.KubernetesPodNamespaceLabel]
		pod.Sandboxes = append(pod.Sandboxes, sandboxFrom(answer.GetStatus()))
	}
	for _, c := range containers {
		answer, err := runtime.ContainerStatus(ctx, c.GetId(), false)
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("container %s: %w", c.GetId(), err)
		}
		pod.Name, pod.Namespace = c.GetLabels()[types.KubernetesPodNameLabel], c.GetLabels()[types.KubernetesPodNamespaceLabel]
		pod.Containers = append(pod.Containers, containerFrom(c.GetPodSandboxId(), answer.GetStatus()))
	}
	slices.SortStableFunc(pod.Sandboxes, func(a, b Sandbox) int { return b.CreatedAt.Compare(a.CreatedAt) })
	slices.SortStableFunc(pod.Containers, func(a, b Container) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.Attempt, a.Attempt))
	})
	return pod, nil
}

func sandboxFrom(s *runtimeapi.PodSandboxStatus) Sandbox {
	sandbox := Sandbox{
		ID: s.GetId(), Attempt: s.GetMetadata().GetAttempt(), CreatedAt: moment(s.GetCreatedAt()),
		Ready: s.GetState() == runtimeapi.PodSandboxState_SANDBOX_READY,
	}
	if ip := s.GetNetwork().GetIp(); ip != "" {
		sandbox.IPs = append(sandbox.IPs, ip)
	}
	for _, ip := range s.GetNetwork().GetAdditionalIps() {
		sandbox.IPs = append(sandbox.IPs, ip.GetIp())
	}
	return sandbox
}

func containerFrom(sandbox string, s *runtimeapi.ContainerStatus) Container {
	a := s.GetAnnotations()
	c := Container{
		ID: s.GetId(), SandboxID: sandbox, Name: s.GetMetadata().GetName(), State: s.GetState(), Hash: a[annotationHash],
		Created: moment(s.GetCreatedAt()), Started: moment(s.GetStartedAt()), Finished: moment(s.GetFinishedAt()),
		ExitCode: s.GetExitCode(), Reason: s.GetReason(), Message: s.GetMessage(),
		Image: s.GetImage().GetImage(), ImageID: cmp.Or(s.GetImageRef(), s.GetImageId()), LogPath: s.GetLogPath(),
		Attempt:                int(s.GetMetadata().GetAttempt()),
		TerminationMessagePath: a[annotationTerminationPath], TerminationMessagePolicy: v1.TerminationMessagePolicy(a[annotationTerminationPolicy]),
	}
	if n, err := strconv.Atoi(a[annotationRestartCount]); err == nil {
		c.Attempt = n
	}
	if n, err := strconv.ParseInt(a[annotationPodGrace], 10, 64); err == nil {
		c.PodGrace = &n
	}
	if hook := (v1.LifecycleHandler{}); json.Unmarshal([]byte(a[annotationPreStop]), &hook) == nil {
		c.PreStop = &hook
	}
	if u := s.GetUser().GetLinux(); u != nil {
		c.User = &v1.ContainerUser{Linux: &v1.LinuxContainerUser{UID: u.GetUid(), GID: u.GetGid(), SupplementalGroups: u.GetSupplementalGroups()}}
	}
	if c.Exited() && c.Finished.Before(c.Started) { // some runtimes stamp a process that dies at once so
		c.Finished = c.Started
	}
	return c
}

func moment(nanoseconds int64) time.Time {
	if nanoseconds <= 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}

// IsNotFound says whether a runtime doesn't know what it was asked about: for stopping and removing that means done.
func IsNotFound(err error) bool { return status.Code(err) == codes.NotFound }
