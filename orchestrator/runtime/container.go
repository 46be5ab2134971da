package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/runtime/image"
	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

// The exit codes of containers that did not end by themselves, and what CRI's users expect to read about ends.
const (
	codeStartError = 128
	codeUnknown    = 255

	reasonCompleted  = "Completed"
	reasonError      = "Error"
	reasonOOMKilled  = "OOMKilled"
	reasonStartError = "StartError"
	reasonUnknown    = "Unknown"
)

// container is one container. Who changes it holds its sandbox's work.
type container struct {
	order sync.Mutex // held while it is started: that it ended is told afterwards

	// The rest is guarded by Server.mu.
	record containerRecord
	config *runtimeapi.ContainerConfig
	exit   *shim.Exit
	done   chan struct{} // closed when exit is set
}

// containerDir is where what is known of a container is.
func (s *Server) containerDir(id string) string { return s.stateDir("containers", id) }

// exitFile is where a shim writes how a container ended.
func (s *Server) exitFile(id string) string { return filepath.Join(s.containerDir(id), "exit.json") }

// container finds a container.
func (s *Server) container(id string) (*container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, status.Errorf(codes.NotFound, "container %q not found", id)
}

// runningContainer finds a container that something can be asked of.
func (s *Server) runningContainer(id string) (*container, *sandbox, error) {
	c, err := s.container(id)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := c.state(); st != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return nil, nil, status.Errorf(codes.FailedPrecondition, "container %q is not running: it is %s", id, st)
	}
	b := s.sandboxes[c.record.Sandbox]
	if b == nil {
		return nil, nil, status.Errorf(codes.NotFound, "the sandbox of container %q is gone", id)
	}
	return c, b, nil
}

// containersOf are a pod's containers. Server.mu is locked.
func (s *Server) containersOf(sandbox string) []*container {
	var all []*container
	for _, c := range s.containers {
		if c.record.Sandbox == sandbox {
			all = append(all, c)
		}
	}
	return all
}

// CreateContainer writes down what is to run. Nothing is made of it before it is started.
func (s *Server) CreateContainer(_ context.Context, r *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	b, err := s.sandbox(r.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	if r.GetConfig().GetMetadata().GetName() == "" {
		return nil, invalid("a container has a name")
	}
	if err := s.validContainer(r.Config); err != nil {
		return nil, err
	}
	if r.Config.GetLinux().GetSecurityContext().GetPrivileged() && !b.config.GetLinux().GetSecurityContext().GetPrivileged() {
		return nil, invalid("a privileged container needs a privileged sandbox")
	}
	b.work.Lock()
	defer b.work.Unlock()
	s.mu.Lock()
	ready := b.state() == runtimeapi.PodSandboxState_SANDBOX_READY
	s.mu.Unlock()
	if !ready {
		return nil, status.Errorf(codes.FailedPrecondition, "sandbox %q is not ready", r.PodSandboxId)
	}
	i, err := s.images.Get(r.Config.GetImage().GetImage())
	if err != nil {
		return nil, fail(err)
	}
	c := &container{config: r.Config, done: make(chan struct{}), record: containerRecord{
		ID: newID(), Sandbox: b.record.ID, Created: time.Now(), Image: i,
	}}
	c.record.Group = path.Join(path.Dir(b.record.Group), c.record.ID)
	if _, err := processArgs(c.config, i); err != nil {
		return nil, err
	}
	if err := s.checkName(c); err != nil {
		return nil, err
	}
	if err := s.makeContainer(c, i); err != nil {
		return nil, fail(errors.Join(err, s.removeContainer(c)))
	}
	s.mu.Lock()
	s.containers[c.record.ID] = c
	s.mu.Unlock()
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT, c.record.ID, s, b.record.ID)
	return &runtimeapi.CreateContainerResponse{ContainerId: c.record.ID}, nil
}

// checkName refuses a container whose name and attempt another one of its pod has.
func (s *Server) checkName(c *container) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := c.config.Metadata
	for _, other := range s.containersOf(c.record.Sandbox) {
		if o := other.config.GetMetadata(); o.GetName() == m.Name && o.GetAttempt() == m.Attempt {
			return status.Errorf(codes.AlreadyExists, "the container %s, attempt %d, is there already: %s", m.Name, m.Attempt, other.record.ID)
		}
	}
	return nil
}

// imageRef is how an image is called in a container's status.
func imageRef(i image.Image) string {
	if len(i.Digests) > 0 {
		return i.Digests[0]
	}
	return i.ID
}

// makeContainer makes a container's folders and writes it down.
func (s *Server) makeContainer(c *container, i image.Image) error {
	var err error
	if c.record.Config, err = pack(c.config); err != nil {
		return err
	}
	c.record.Layers = s.images.Hold(i)
	if err := os.MkdirAll(s.containerDir(c.record.ID), 0o711); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	if err := save(s.containerDir(c.record.ID), &c.record); err != nil {
		return err
	}
	for name, mode := range map[string]os.FileMode{"upper": 0o755, "work": 0o711, "root": 0o711} {
		if err := os.MkdirAll(s.rootDir("containers", c.record.ID, name), mode); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	return nil
}

// StartContainer makes the container and starts its first process.
func (s *Server) StartContainer(_ context.Context, r *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	c, err := s.container(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	b, err := s.sandbox(c.record.Sandbox)
	if err != nil {
		return nil, err
	}
	b.work.Lock()
	defer b.work.Unlock()
	s.mu.Lock()
	st, ready := c.state(), b.state() == runtimeapi.PodSandboxState_SANDBOX_READY
	s.mu.Unlock()
	if st != runtimeapi.ContainerState_CONTAINER_CREATED {
		return nil, status.Errorf(codes.FailedPrecondition, "container %q was started already: it is %s", c.record.ID, st)
	}
	if !ready {
		return nil, status.Errorf(codes.FailedPrecondition, "sandbox %q is not ready", b.record.ID)
	}
	c.order.Lock()
	reply, err := s.launch(b, c)
	if err != nil {
		c.order.Unlock()
		shim.Purge(s.cgroups.Dirs(c.record.Group))
		exit := shim.Exit{Code: codeStartError, Finished: time.Now(), Reason: reasonStartError, Message: err.Error()}
		s.ended(c, &exit)
		return nil, fail(errors.Join(err, shim.WriteExit(s.exitFile(c.record.ID), exit)))
	}
	s.mu.Lock()
	c.started(reply.Started, reply.User)
	record := c.record
	s.mu.Unlock()
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT, c.record.ID, s, b.record.ID)
	c.order.Unlock()
	return &runtimeapi.StartContainerResponse{}, fail(save(s.containerDir(c.record.ID), &record))
}

// launch asks the shim to start a container.
func (s *Server) launch(b *sandbox, c *container) (shim.Reply, error) {
	spec, err := s.spec(b, c)
	if err != nil {
		return shim.Reply{}, err
	}
	if err := s.cgroups.Create(c.record.Group); err != nil {
		return shim.Reply{}, err
	}
	if err := s.cgroups.Set(c.record.Group, c.config.GetLinux().GetResources()); err != nil {
		return shim.Reply{}, err
	}
	rules, err := deviceRules(c.config.GetDevices())
	if err != nil {
		return shim.Reply{}, err
	}
	if err := s.cgroups.Devices(c.record.Group, spec.AllDevices, rules); err != nil {
		return shim.Reply{}, err
	}
	return b.client.Start(spec)
}

// started enters that a container runs. Server.mu is locked.
func (c *container) started(at time.Time, u *shim.User) {
	c.record.Started = at
	if u != nil {
		c.record.User = &userRecord{UID: u.UID, GID: u.GID, Groups: u.Groups}
	}
}

// ended enters that a container has ended.
func (s *Server) ended(c *container, exit *shim.Exit) {
	c.order.Lock()
	defer c.order.Unlock()
	s.mu.Lock()
	first := c.exit == nil
	if first {
		c.exit = exit
		close(c.done)
	}
	s.mu.Unlock()
	if first {
		s.events.send(runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT, c.record.ID, s, c.record.Sandbox)
	}
}

// exitOf is how a container ended whose shim is gone; nil says that it never ran.
func (s *Server) exitOf(c *container) *shim.Exit {
	exit, err := shim.ReadExit(s.exitFile(c.record.ID))
	if err == nil {
		return exit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.record.Started.IsZero() {
		return nil
	}
	return &shim.Exit{Code: codeUnknown, Finished: time.Now(), Reason: reasonUnknown, Message: "the pod's shim was killed"}
}

// StopContainer asks a container to end, and after its grace makes it.
func (s *Server) StopContainer(ctx context.Context, r *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	c, err := s.container(r.GetContainerId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.StopContainerResponse{}, nil
	}
	s.mu.Lock()
	st, b, polite := c.state(), s.sandboxes[c.record.Sandbox], c.stopSignal()
	s.mu.Unlock()
	if st != runtimeapi.ContainerState_CONTAINER_RUNNING || b == nil {
		return &runtimeapi.StopContainerResponse{}, nil
	}
	if grace := time.Duration(r.GetTimeout()) * time.Second; grace > 0 {
		if err := b.client.Signal(&shim.Signal{Container: c.record.ID, Number: int(polite)}); err != nil && !errors.Is(err, shim.ErrGone) {
			return nil, fail(err)
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.done:
			return &runtimeapi.StopContainerResponse{}, nil
		case <-timer.C:
		case <-ctx.Done():
			return nil, fail(ctx.Err())
		}
	}
	if err := b.client.Signal(&shim.Signal{Container: c.record.ID, Number: int(unix.SIGKILL), All: true}); err != nil && !errors.Is(err, shim.ErrGone) {
		return nil, fail(err)
	}
	select {
	case <-c.done:
		return &runtimeapi.StopContainerResponse{}, nil
	case <-ctx.Done():
		return nil, fail(ctx.Err())
	}
}

// RemoveContainer removes a container; one that runs is killed.
func (s *Server) RemoveContainer(ctx context.Context, r *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	c, err := s.container(r.GetContainerId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.RemoveContainerResponse{}, nil
	}
	if _, err := s.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: r.ContainerId}); err != nil {
		return nil, err
	}
	if b, err := s.sandbox(c.record.Sandbox); err == nil {
		b.work.Lock()
		defer b.work.Unlock()
	}
	if err := s.removeContainer(c); err != nil {
		return nil, fail(err)
	}
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT, c.record.ID, s, c.record.Sandbox)
	return &runtimeapi.RemoveContainerResponse{}, nil
}

// removeContainer removes all that there is of a container that doesn't run. The record goes last: until then a next daemon removes
// the rest.
func (s *Server) removeContainer(c *container) error {
	id := c.record.ID
	if err := os.RemoveAll(s.rootDir("containers", id)); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	s.cgroups.Remove(c.record.Group, c.record.Group)
	if err := os.RemoveAll(s.containerDir(id)); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	s.mu.Lock()
	delete(s.containers, id)
	delete(s.cpu, id)
	layers := c.record.Layers
	c.record.Layers = nil
	s.mu.Unlock()
	return s.images.Release(layers)
}

// state is the container's state. Server.mu is locked.
func (c *container) state() runtimeapi.ContainerState {
	switch {
	case c.exit != nil:
		return runtimeapi.ContainerState_CONTAINER_EXITED
	case !c.record.Started.IsZero():
		return runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	return runtimeapi.ContainerState_CONTAINER_CREATED
}

// status is how the container is. Server.mu is locked.
func (c *container) status() *runtimeapi.ContainerStatus {
	st := &runtimeapi.ContainerStatus{
		Id: c.record.ID, Metadata: c.config.GetMetadata(), State: c.state(), CreatedAt: c.record.Created.UnixNano(),
		Image: c.config.GetImage(), ImageRef: imageRef(c.record.Image), ImageId: c.record.Image.ID, Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(),
		Mounts: c.config.GetMounts(), LogPath: c.config.GetLogPath(), StopSignal: c.config.GetStopSignal(),
		Resources: &runtimeapi.ContainerResources{Linux: c.config.GetLinux().GetResources()},
	}
	if !c.record.Started.IsZero() {
		st.StartedAt = c.record.Started.UnixNano()
	}
	if u := c.record.User; u != nil {
		user := &runtimeapi.LinuxContainerUser{Uid: int64(u.UID), Gid: int64(u.GID)}
		for _, g := range u.Groups {
			user.SupplementalGroups = append(user.SupplementalGroups, int64(g))
		}
		st.User = &runtimeapi.ContainerUser{Linux: user}
	}
	if e := c.exit; e != nil {
		st.ExitCode, st.FinishedAt, st.Reason, st.Message = e.Code, max(e.Finished.UnixNano(), st.StartedAt), e.Reason, e.Message
		if st.Reason == "" {
			st.Reason = reason(e)
		}
	}
	return st
}

// reason is the word for how a container ended.
func reason(e *shim.Exit) string {
	switch {
	case e.OOMKilled:
		return reasonOOMKilled
	case e.Code == 0:
		return reasonCompleted
	}
	return reasonError
}

// ContainerStatus says how a container is.
func (s *Server) ContainerStatus(_ context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	c, err := s.container(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &runtimeapi.ContainerStatusResponse{Status: c.status()}
	if b := s.sandboxes[c.record.Sandbox]; b != nil {
		answer.Status.LogPath = logPath(b.config, c.config)
	}
	if r.GetVerbose() {
		answer.Info = map[string]string{"folder": s.rootDir("containers", c.record.ID), "cgroup": c.record.Group, "sandboxID": c.record.Sandbox}
	}
	return answer, nil
}

// ListContainers lists the containers that a filter lets through.
func (s *Server) ListContainers(_ context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	f := r.GetFilter()
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &runtimeapi.ListContainersResponse{}
	for id, c := range s.containers {
		if !matches(f.GetId(), id) || !matches(f.GetPodSandboxId(), c.record.Sandbox) || !selects(f.GetLabelSelector(), c.config.GetLabels()) {
			continue
		}
		if f.GetState() != nil && f.GetState().GetState() != c.state() {
			continue
		}
		answer.Containers = append(answer.Containers, &runtimeapi.Container{
			Id: id, PodSandboxId: c.record.Sandbox, Metadata: c.config.GetMetadata(), Image: c.config.GetImage(), ImageRef: imageRef(c.record.Image),
			ImageId: c.record.Image.ID, State: c.state(), CreatedAt: c.record.Created.UnixNano(), Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(),
		})
	}
	return answer, nil
}

// UpdateContainerResources changes a container's limits.
func (s *Server) UpdateContainerResources(_ context.Context, r *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error) {
	c, err := s.container(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	if b, err := s.sandbox(c.record.Sandbox); err == nil {
		b.work.Lock()
		defer b.work.Unlock()
	}
	s.mu.Lock()
	st := c.state()
	s.mu.Unlock()
	switch st {
	case runtimeapi.ContainerState_CONTAINER_EXITED:
		return nil, status.Errorf(codes.FailedPrecondition, "container %q has exited", c.record.ID)
	case runtimeapi.ContainerState_CONTAINER_RUNNING:
		if err := s.cgroups.Set(c.record.Group, r.GetLinux()); err != nil {
			return nil, fail(err)
		}
	}
	changed := proto.CloneOf(c.config)
	if changed.Linux == nil {
		changed.Linux = &runtimeapi.LinuxContainerConfig{}
	}
	if changed.Linux.Resources == nil {
		changed.Linux.Resources = &runtimeapi.LinuxContainerResources{}
	}
	mergeResources(changed.Linux.Resources, r.GetLinux())
	packed, err := pack(changed)
	if err != nil {
		return nil, fail(err)
	}
	s.mu.Lock()
	c.config, c.record.Config = changed, packed
	record := c.record
	s.mu.Unlock()
	return &runtimeapi.UpdateContainerResourcesResponse{}, fail(save(s.containerDir(c.record.ID), &record))
}

// mergeResources takes over what an update says. What is zero stays.
func mergeResources(into, from *runtimeapi.LinuxContainerResources) {
	set := func(to *int64, n int64) {
		if n != 0 {
			*to = n
		}
	}
	set(&into.CpuPeriod, from.GetCpuPeriod())
	set(&into.CpuQuota, from.GetCpuQuota())
	set(&into.CpuShares, from.GetCpuShares())
	set(&into.MemoryLimitInBytes, from.GetMemoryLimitInBytes())
	set(&into.MemorySwapLimitInBytes, from.GetMemorySwapLimitInBytes())
	set(&into.OomScoreAdj, from.GetOomScoreAdj())
	if from.GetCpusetCpus() != "" {
		into.CpusetCpus = from.CpusetCpus
	}
	if from.GetCpusetMems() != "" {
		into.CpusetMems = from.CpusetMems
	}
	for name, value := range from.GetUnified() {
		if into.Unified == nil {
			into.Unified = map[string]string{}
		}
		into.Unified[name] = value
	}
}

// ReopenContainerLog opens a log anew after it was rotated.
func (s *Server) ReopenContainerLog(_ context.Context, r *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	c, b, err := s.runningContainer(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	return &runtimeapi.ReopenContainerLogResponse{}, fail(b.client.Reopen(c.record.ID))
}
