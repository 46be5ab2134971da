package crifake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	utilexec "k8s.io/utils/exec"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Exit codes of containers that are stopped.
const (
	Terminated = 143
	Killed     = 137
)

// Runtime is a runtime in memory.
type Runtime struct {
	internalapi.RuntimeService
	Images

	// Fail is asked before each call that changes something; nil, or its nil: the call goes on. what is a container's or pod's name.
	Fail func(call, what string) error
	// Command is what ExecSync answers; nil: success.
	Command func(container string, cmd []string) (output string, code int)
	// Stubborn containers, by name, don't end on the first signal.
	Stubborn map[string]bool

	mu         sync.Mutex
	count      int
	now        int64
	calls      []string
	sandboxes  map[string]*sandbox
	containers map[string]*container
	pods       map[string]string // names by sandbox, also of those that are gone
}

type sandbox struct {
	status *runtimeapi.PodSandboxStatus
	config *runtimeapi.PodSandboxConfig
}

type container struct {
	sandbox string
	status  *runtimeapi.ContainerStatus
	config  *runtimeapi.ContainerConfig
}

// New returns a runtime without pods.
func New() *Runtime {
	return &Runtime{
		sandboxes: map[string]*sandbox{}, containers: map[string]*container{}, Stubborn: map[string]bool{}, pods: map[string]string{},
	}
}

// Calls are the calls that changed something, as "Call what".
func (r *Runtime) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Forget empties Calls.
func (r *Runtime) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}

// Exit ends the running containers of a name.
func (r *Runtime) Exit(name string, code int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.containers {
		if c.status.Metadata.Name == name {
			r.end(c, code)
		}
	}
}

// KillSandbox ends the sandboxes of a pod, and all containers in them.
func (r *Runtime) KillSandbox(pod string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.sandboxes {
		if s.status.Metadata.Name == pod {
			s.status.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
			r.endAll(id)
		}
	}
}

// Config is the configuration of the newest container of a name; nil if there is none.
func (r *Runtime) Config(name string) *runtimeapi.ContainerConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	var newest *container
	for _, c := range r.containers {
		if c.status.Metadata.Name == name && (newest == nil || c.status.CreatedAt > newest.status.CreatedAt) {
			newest = c
		}
	}
	if newest == nil {
		return nil
	}
	return newest.config
}

// Running are the names of the containers that run.
func (r *Runtime) Running() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, c := range r.containers {
		if c.status.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			names = append(names, c.status.Metadata.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Left is how many sandboxes and containers there are, dead or alive.
func (r *Runtime) Left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sandboxes) + len(r.containers)
}

// begin notes a call, which may be told to fail. r.mu is held.
func (r *Runtime) begin(call, what string) error {
	r.calls = append(r.calls, call+" "+what)
	if r.Fail != nil {
		return r.Fail(call, what)
	}
	return nil
}

// id is a new ID, and tick the time of an event: later than all before.
func (r *Runtime) id(kind string) string {
	r.count++
	return kind + strconv.Itoa(r.count)
}

func (r *Runtime) tick() int64 {
	r.now = max(r.now+1, time.Now().UnixNano())
	return r.now
}

func (r *Runtime) end(c *container, code int32) {
	if c.status.State == runtimeapi.ContainerState_CONTAINER_RUNNING { // one that was only created stays so, as in containerd
		c.status.State, c.status.ExitCode, c.status.FinishedAt = runtimeapi.ContainerState_CONTAINER_EXITED, code, r.tick()
	}
}

func (r *Runtime) endAll(sandbox string) {
	for _, c := range r.containers {
		if c.sandbox == sandbox {
			r.end(c, Killed)
		}
	}
}

func notFound(id string) error { return status.Error(codes.NotFound, id+": not found") }

// RunPodSandbox implements internalapi.RuntimeService, as do all below.
func (r *Runtime) RunPodSandbox(_ context.Context, config *runtimeapi.PodSandboxConfig, _ string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin("RunPodSandbox", config.Metadata.Name); err != nil {
		return "", err
	}
	id := r.id("sandbox")
	s := &runtimeapi.PodSandboxStatus{
		Id: id, Metadata: config.Metadata, CreatedAt: r.tick(), Labels: config.Labels, Annotations: config.Annotations,
		Network: &runtimeapi.PodSandboxNetworkStatus{Ip: fmt.Sprintf("10.1.0.%d", r.count)},
	}
	r.sandboxes[id] = &sandbox{s, config}
	r.pods[id] = config.Metadata.Name
	return id, nil
}

// StopPodSandbox ends its containers, too.
func (r *Runtime) StopPodSandbox(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sandboxes[id]
	if s == nil {
		return notFound(id)
	}
	if err := r.begin("StopPodSandbox", s.status.Metadata.Name); err != nil {
		return err
	}
	s.status.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	r.endAll(id)
	return nil
}

// RemovePodSandbox removes its containers, too.
func (r *Runtime) RemovePodSandbox(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin("RemovePodSandbox", r.pods[id]); err != nil {
		return err
	}
	delete(r.sandboxes, id)
	maps.DeleteFunc(r.containers, func(_ string, c *container) bool { return c.sandbox == id })
	return nil
}

// PodSandboxStatus is what a runtime says of a sandbox.
func (r *Runtime) PodSandboxStatus(_ context.Context, id string, _ bool) (*runtimeapi.PodSandboxStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sandboxes[id]
	if s == nil {
		return nil, notFound(id)
	}
	return &runtimeapi.PodSandboxStatusResponse{Status: &runtimeapi.PodSandboxStatus{
		Id: id, Metadata: s.status.Metadata, State: s.status.State, CreatedAt: s.status.CreatedAt, Network: s.status.Network,
		Labels: s.status.Labels, Annotations: s.status.Annotations,
	}}, nil
}

// ListPodSandbox filters by labels only.
func (r *Runtime) ListPodSandbox(_ context.Context, filter *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*runtimeapi.PodSandbox
	for id, s := range r.sandboxes {
		if matches(s.status.Labels, filter.GetLabelSelector()) {
			out = append(out, &runtimeapi.PodSandbox{
				Id: id, Metadata: s.status.Metadata, State: s.status.State, CreatedAt: s.status.CreatedAt, Labels: s.status.Labels,
			})
		}
	}
	return out, nil
}

// CreateContainer needs a sandbox that is ready.
func (r *Runtime) CreateContainer(_ context.Context, in string, config *runtimeapi.ContainerConfig, pod *runtimeapi.PodSandboxConfig) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin("CreateContainer", config.Metadata.Name); err != nil {
		return "", err
	}
	if s := r.sandboxes[in]; s == nil || s.status.State != runtimeapi.PodSandboxState_SANDBOX_READY {
		return "", fmt.Errorf("sandbox %s isn't ready", in)
	}
	id := r.id("container")
	s := &runtimeapi.ContainerStatus{
		Id: id, Metadata: config.Metadata, CreatedAt: r.tick(), Image: config.Image, ImageRef: config.Image.Image, Labels: config.Labels,
		Annotations: config.Annotations, LogPath: pod.LogDirectory + "/" + config.LogPath, Mounts: config.Mounts,
	}
	r.containers[id] = &container{in, s, config}
	return id, nil
}

// StartContainer starts one that was created.
func (r *Runtime) StartContainer(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[id]
	if c == nil {
		return notFound(id)
	}
	if err := r.begin("StartContainer", c.status.Metadata.Name); err != nil {
		return err
	}
	if c.status.State != runtimeapi.ContainerState_CONTAINER_CREATED {
		return fmt.Errorf("container %s was started before", id)
	}
	c.status.State, c.status.StartedAt = runtimeapi.ContainerState_CONTAINER_RUNNING, r.tick()
	return nil
}

// StopContainer ends a container; a stubborn one after the time given only.
func (r *Runtime) StopContainer(ctx context.Context, id string, timeout int64) error {
	r.mu.Lock()
	c := r.containers[id]
	if c == nil {
		r.mu.Unlock()
		return notFound(id)
	}
	name := c.status.Metadata.Name
	err := r.begin("StopContainer", fmt.Sprintf("%s %d", name, timeout))
	stubborn := r.Stubborn[name]
	r.mu.Unlock()
	if err != nil {
		return err
	}
	code := int32(Terminated)
	if stubborn {
		code = Killed
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(timeout) * time.Second):
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(c, code)
	return nil
}

// RemoveContainer removes one, dead or alive.
func (r *Runtime) RemoveContainer(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[id]
	if c == nil {
		return notFound(id)
	}
	if err := r.begin("RemoveContainer", c.status.Metadata.Name); err != nil {
		return err
	}
	delete(r.containers, id)
	return nil
}

// ListContainers filters by labels and state.
func (r *Runtime) ListContainers(_ context.Context, filter *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*runtimeapi.Container
	for id, c := range r.containers {
		if !matches(c.status.Labels, filter.GetLabelSelector()) || (filter.GetState() != nil && filter.GetState().State != c.status.State) {
			continue
		}
		out = append(out, &runtimeapi.Container{
			Id: id, PodSandboxId: c.sandbox, Metadata: c.status.Metadata, State: c.status.State, CreatedAt: c.status.CreatedAt, Labels: c.status.Labels,
		})
	}
	return out, nil
}

// ContainerStatus is what a runtime says of a container.
func (r *Runtime) ContainerStatus(_ context.Context, id string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[id]
	if c == nil {
		return nil, notFound(id)
	}
	s := c.status
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{
		Id: id, Metadata: s.Metadata, State: s.State, CreatedAt: s.CreatedAt, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt, ExitCode: s.ExitCode,
		Image: s.Image, ImageRef: s.ImageRef, Labels: s.Labels, Annotations: s.Annotations, LogPath: s.LogPath, Mounts: s.Mounts,
	}}, nil
}

// ExecSync answers what Command says.
func (r *Runtime) ExecSync(_ context.Context, id string, cmd []string, _ time.Duration) (stdout, stderr []byte, err error) {
	r.mu.Lock()
	c := r.containers[id]
	if c == nil || c.status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		r.mu.Unlock()
		return nil, nil, notFound(id)
	}
	err = r.begin("ExecSync", c.status.Metadata.Name+" "+strings.Join(cmd, " "))
	r.mu.Unlock()
	if err != nil || r.Command == nil {
		return nil, nil, err
	}
	output, code := r.Command(c.status.Metadata.Name, cmd)
	if code != 0 {
		err = utilexec.CodeExitError{Err: fmt.Errorf("exit code %d", code), Code: code}
	}
	return []byte(output), nil, err
}

// ReopenContainerLog makes the file anew, as runtimes do.
func (r *Runtime) ReopenContainerLog(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.containers[id]; c == nil {
		return notFound(id)
	}
	return r.begin("ReopenContainerLog", r.containers[id].status.Metadata.Name)
}

// GetContainerEvents is what containerd 1.6 doesn't have either.
func (r *Runtime) GetContainerEvents(context.Context, chan *runtimeapi.ContainerEventResponse, func(runtimeapi.RuntimeService_GetContainerEventsClient)) error {
	return status.Error(codes.Unimplemented, "no events")
}

// Close belongs to both services.
func (r *Runtime) Close(context.Context) error { return nil }

func matches(labels, selector map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}
