package runtime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

// shmSize is how large the memory is that a pod's containers share.
const shmSize = 64 << 20

// endPatience is how long a shim may take to end its pod, all of which it kills; then it is killed itself.
const endPatience = 20 * time.Second

// sandbox is a pod.
type sandbox struct {
	work sync.Mutex // held by whoever changes the pod or its containers; it is taken before Server.mu

	// The rest is guarded by Server.mu.
	record sandboxRecord
	config *runtimeapi.PodSandboxConfig
	alive  bool // its pause process runs
	client *shim.Client
	netns  *os.File      // nil on the node's network
	over   chan struct{} // closed when the shim has been found to be gone; nil before there is one
}

// sandboxDir is where all of a sandbox is, but for its containers.
func (s *Server) sandboxDir(id string) string { return s.stateDir("sandboxes", id) }

// sandbox finds a pod.
func (s *Server) sandbox(id string) (*sandbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.sandboxes[id]; b != nil {
		return b, nil
	}
	return nil, status.Errorf(codes.NotFound, "sandbox %q not found", id)
}

// hostNetwork says whether a pod is on the node's network.
func hostNetwork(c *runtimeapi.PodSandboxConfig) bool {
	return c.GetLinux().GetSecurityContext().GetNamespaceOptions().GetNetwork() == runtimeapi.NamespaceMode_NODE
}

// RunPodSandbox makes a pod's namespaces and connects them.
func (s *Server) RunPodSandbox(_ context.Context, r *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	if err := s.validSandbox(r); err != nil {
		return nil, err
	}
	b := &sandbox{config: r.Config, record: sandboxRecord{ID: newID(), Stage: making, Created: time.Now()}}
	parent, ours := r.Config.GetLinux().GetCgroupParent(), s.options.Parent
	if parent == "" {
		parent = path.Join(ours, r.Config.Metadata.Uid)
	} else {
		ours = s.cgroups.Outermost(path.Join(parent, b.record.ID))
	}
	b.record.Group, b.record.Top = path.Join(parent, b.record.ID), ours
	b.client = shim.NewClient(s.sandboxDir(b.record.ID))
	var err error
	if b.record.Config, err = pack(r.Config); err != nil {
		return nil, fail(err)
	}
	b.work.Lock()
	defer b.work.Unlock()
	if err := s.reserve(b); err != nil {
		return nil, err
	}
	if err := s.makeSandbox(b); err != nil {
		return nil, fail(errors.Join(err, s.discard(b)))
	}
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT, b.record.ID, s, b.record.ID)
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT, b.record.ID, s, b.record.ID)
	return &runtimeapi.RunPodSandboxResponse{PodSandboxId: b.record.ID}, nil
}

// validSandbox refuses what can't be made.
func (s *Server) validSandbox(r *runtimeapi.RunPodSandboxRequest) error {
	if len(s.missing) > 0 {
		return status.Errorf(codes.FailedPrecondition, "pods can't run here: missing %s", strings.Join(s.missing, "; "))
	}
	c := r.GetConfig()
	if m := c.GetMetadata(); m.GetName() == "" || m.GetUid() == "" {
		return invalid("a sandbox has a name and a UID")
	}
	if r.GetRuntimeHandler() != "" {
		return status.Errorf(codes.NotFound, "no runtime for %q is configured", r.GetRuntimeHandler())
	}
	sc := c.GetLinux().GetSecurityContext()
	if u := sc.GetNamespaceOptions().GetUsernsOptions(); u != nil && u.GetMode() != runtimeapi.NamespaceMode_NODE {
		return unsupported("user namespaces")
	}
	if sc.GetNamespaceOptions().GetPid() == runtimeapi.NamespaceMode_TARGET {
		return invalid("a sandbox can't be in the PID namespace of a container")
	}
	if !s.options.Network && !hostNetwork(c) {
		return status.Error(codes.FailedPrecondition, "pods have no networks of their own here: the daemon runs with --network=false")
	}
	if l := c.GetLogDirectory(); l != "" && !path.IsAbs(l) {
		return invalid("log directory %q: not an absolute path", l)
	}
	if sc := sc.GetSelinuxOptions(); s.selinux && proto.Size(sc) > 0 {
		return unsupported("SELinux labels")
	}
	if !hostNetwork(c) {
		return validPorts(c.GetPortMappings())
	}
	return nil
}

// validPorts refuses ports that are none. A host's name, too: it would be looked up.
func validPorts(mappings []*runtimeapi.PortMapping) error {
	const last = 1<<16 - 1
	for _, p := range mappings {
		if p.GetHostPort() == 0 {
			continue
		}
		_, err := netip.ParseAddr(p.GetHostIp())
		switch {
		case p.GetProtocol() == runtimeapi.Protocol_SCTP:
			return unsupported("host ports of SCTP")
		case p.GetHostPort() < 0 || p.GetHostPort() > last || p.GetContainerPort() <= 0 || p.GetContainerPort() > last:
			return invalid("host port %d to %d: not both are ports", p.GetHostPort(), p.GetContainerPort())
		case err != nil && p.GetHostIp() != "":
			return invalid("host port %d: %q is no address", p.GetHostPort(), p.GetHostIp())
		}
	}
	return nil
}

// reserve enters a pod, whose name nobody else may have.
func (s *Server) reserve(b *sandbox) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := b.config.Metadata
	for id, other := range s.sandboxes {
		o := other.config.GetMetadata()
		if o.GetUid() == m.Uid && o.GetName() == m.Name && o.GetNamespace() == m.Namespace && o.GetAttempt() == m.Attempt {
			return status.Errorf(codes.AlreadyExists, "the sandbox %s/%s, attempt %d, is there already: %s", m.Namespace, m.Name, m.Attempt, id)
		}
	}
	s.sandboxes[b.record.ID] = b
	return nil
}

// makeSandbox makes all that belongs to a pod.
func (s *Server) makeSandbox(b *sandbox) error {
	dir := s.sandboxDir(b.record.ID)
	if err := os.MkdirAll(filepath.Join(dir, "root"), 0o711); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	if err := save(dir, &b.record); err != nil {
		return err
	}
	if err := s.cgroups.Create(b.record.Group); err != nil {
		return err
	}
	if err := writeEtc(dir, b.config); err != nil {
		return err
	}
	if _, err := shim.Launch(s.options.Shim, dir); err != nil {
		return err
	}
	sc := b.config.GetLinux().GetSecurityContext()
	spec := &shim.Sandbox{
		Dir: filepath.Join(dir, "root"), Hostname: b.config.GetHostname(), HostNetwork: hostNetwork(b.config),
		HostIPC: sc.GetNamespaceOptions().GetIpc() == runtimeapi.NamespaceMode_NODE,
		PodPID:  sc.GetNamespaceOptions().GetPid() == runtimeapi.NamespaceMode_POD,
		ShmSize: shmSize, Sysctls: b.config.GetLinux().GetSysctls(), Cgroups: s.cgroups.Dirs(b.record.Group), OOMScoreAdj: pauseScore(),
	}
	_, netns, err := b.client.Sandbox(spec)
	if err != nil {
		return err
	}
	s.mu.Lock()
	b.netns, b.alive = netns, true
	s.mu.Unlock()
	var addresses []netip.Addr
	if !spec.HostNetwork {
		if addresses, err = s.network.Add(b.record.ID, netns); err != nil {
			return err
		}
		if err := b.client.Forward(hostPorts(b.config.GetPortMappings(), addresses[0])); err != nil {
			return err
		}
	}
	s.follow(b)
	return s.change(b, func(r *sandboxRecord) {
		r.Stage = running
		for _, a := range addresses {
			r.Addresses = append(r.Addresses, a.String())
		}
	})
}

// change changes a pod's record, and keeps it.
func (s *Server) change(b *sandbox, f func(*sandboxRecord)) error {
	s.mu.Lock()
	f(&b.record)
	r := b.record
	s.mu.Unlock()
	return save(s.sandboxDir(r.ID), &r)
}

// hostPorts are the ports of the node that lead to a pod.
func hostPorts(mappings []*runtimeapi.PortMapping, pod netip.Addr) []shim.Port {
	var ports []shim.Port
	for _, m := range mappings {
		if m.GetHostPort() == 0 {
			continue
		}
		p := shim.Port{
			Network: "tcp", Listen: net.JoinHostPort(m.GetHostIp(), strconv.Itoa(int(m.GetHostPort()))),
			Target: net.JoinHostPort(pod.String(), strconv.Itoa(int(m.GetContainerPort()))),
		}
		if m.GetProtocol() == runtimeapi.Protocol_UDP {
			p.Network = "udp"
		}
		ports = append(ports, p)
	}
	return ports
}

// pauseScore keeps the pause process from being killed for memory before the pod's containers are.
func pauseScore() *int {
	score := -998
	return &score
}

// follow watches a pod's shim from now on.
func (s *Server) follow(b *sandbox) {
	over := make(chan struct{})
	s.mu.Lock()
	b.over = over
	s.mu.Unlock()
	go func() {
		err := b.client.Watch(s.ctx, func(r shim.Reply) { s.heard(b, r) })
		if s.ctx.Err() != nil {
			return
		}
		klog.V(2).InfoS("A shim has ended", "sandbox", b.record.ID, "why", err)
		s.lost(b)
		close(over)
	}()
}

// heard is told what a shim tells.
func (s *Server) heard(b *sandbox, r shim.Reply) {
	s.mu.Lock()
	b.alive = r.Alive
	c := s.containers[r.Container]
	s.mu.Unlock()
	if c != nil && r.Exit != nil {
		s.ended(c, r.Exit)
	}
}

// lost is called when a pod's shim is gone: whatever it left is killed, and its containers have ended.
func (s *Server) lost(b *sandbox) {
	s.mu.Lock()
	b.alive = false
	all := s.containersOf(b.record.ID)
	s.mu.Unlock()
	for _, c := range all {
		shim.Purge(s.cgroups.Dirs(c.record.Group))
	}
	shim.Purge(s.cgroups.Dirs(b.record.Group))
	for _, c := range all {
		if exit := s.exitOf(c); exit != nil {
			s.ended(c, exit)
		}
	}
}

// StopPodSandbox ends all that runs in a pod and takes its network away.
func (s *Server) StopPodSandbox(_ context.Context, r *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	b, err := s.sandbox(r.GetPodSandboxId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.StopPodSandboxResponse{}, nil
	}
	b.work.Lock()
	defer b.work.Unlock()
	if err := s.stopSandbox(b); err != nil {
		return nil, fail(err)
	}
	return &runtimeapi.StopPodSandboxResponse{}, nil
}

// stopSandbox is StopPodSandbox with b.work held.
func (s *Server) stopSandbox(b *sandbox) error {
	s.mu.Lock()
	was, over := b.record.Stage, b.over
	s.mu.Unlock()
	if was == stopped {
		return nil
	}
	if err := b.client.End(endPatience); err != nil {
		return err
	}
	if over != nil {
		<-over // by then all containers are known to have ended
	} else {
		s.lost(b)
	}
	if !hostNetwork(b.config) {
		if err := s.network.Remove(b.record.ID); err != nil {
			return err
		}
	}
	s.cgroups.Remove(b.record.Group, b.record.Top)
	s.mu.Lock()
	netns := b.netns
	b.netns = nil
	s.mu.Unlock()
	if netns != nil {
		_ = netns.Close()
	}
	if err := s.change(b, func(r *sandboxRecord) { r.Stage = stopped }); err != nil {
		return err
	}
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT, b.record.ID, s, b.record.ID)
	return nil
}

// discard removes a sandbox that didn't come about. b.work is held.
func (s *Server) discard(b *sandbox) error {
	return errors.Join(s.stopSandbox(b), s.forget(b))
}

// forget removes the record of a sandbox that is stopped.
func (s *Server) forget(b *sandbox) error {
	if err := os.RemoveAll(s.sandboxDir(b.record.ID)); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	s.cgroups.Remove(b.record.Group, b.record.Top)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sandboxes, b.record.ID)
	delete(s.cpu, b.record.ID)
	return nil
}

// RemovePodSandbox removes a pod and its containers.
func (s *Server) RemovePodSandbox(_ context.Context, r *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	b, err := s.sandbox(r.GetPodSandboxId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.RemovePodSandboxResponse{}, nil
	}
	b.work.Lock()
	defer b.work.Unlock()
	if err := s.stopSandbox(b); err != nil {
		return nil, fail(err)
	}
	s.mu.Lock()
	all := s.containersOf(b.record.ID)
	s.mu.Unlock()
	for _, c := range all {
		if err := s.removeContainer(c); err != nil {
			return nil, fail(err)
		}
	}
	if err := s.forget(b); err != nil {
		return nil, fail(err)
	}
	s.events.send(runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT, b.record.ID, s, b.record.ID)
	return &runtimeapi.RemovePodSandboxResponse{}, nil
}

// PodSandboxStatus says how a pod is.
func (s *Server) PodSandboxStatus(_ context.Context, r *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	b, err := s.sandbox(r.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &runtimeapi.PodSandboxStatusResponse{Status: b.status(), Timestamp: time.Now().UnixNano()}
	for _, c := range s.containersOf(b.record.ID) {
		answer.ContainersStatuses = append(answer.ContainersStatuses, c.status())
	}
	if r.GetVerbose() {
		answer.Info = map[string]string{"folder": s.sandboxDir(b.record.ID), "cgroup": b.record.Group}
	}
	return answer, nil
}

// state is the pod's state. Server.mu is locked.
func (b *sandbox) state() runtimeapi.PodSandboxState {
	if b.record.Stage == running && b.alive {
		return runtimeapi.PodSandboxState_SANDBOX_READY
	}
	return runtimeapi.PodSandboxState_SANDBOX_NOTREADY
}

// status is how the pod is. Server.mu is locked.
func (b *sandbox) status() *runtimeapi.PodSandboxStatus {
	st := &runtimeapi.PodSandboxStatus{
		Id: b.record.ID, Metadata: b.config.GetMetadata(), State: b.state(), CreatedAt: b.record.Created.UnixNano(),
		Labels: b.config.GetLabels(), Annotations: b.config.GetAnnotations(), Network: &runtimeapi.PodSandboxNetworkStatus{},
		Linux: &runtimeapi.LinuxPodSandboxStatus{Namespaces: &runtimeapi.Namespace{Options: b.config.GetLinux().GetSecurityContext().GetNamespaceOptions()}},
	}
	if b.record.Stage == running {
		for i, a := range b.record.Addresses {
			if i == 0 {
				st.Network.Ip = a
			} else {
				st.Network.AdditionalIps = append(st.Network.AdditionalIps, &runtimeapi.PodIP{Ip: a})
			}
		}
	}
	return st
}

// ListPodSandbox lists the pods that a filter lets through.
func (s *Server) ListPodSandbox(_ context.Context, r *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	f := r.GetFilter()
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &runtimeapi.ListPodSandboxResponse{}
	for id, b := range s.sandboxes {
		if b.record.Stage == making || !matches(f.GetId(), id) || !selects(f.GetLabelSelector(), b.config.GetLabels()) {
			continue
		}
		if f.GetState() != nil && f.GetState().GetState() != b.state() {
			continue
		}
		answer.Items = append(answer.Items, &runtimeapi.PodSandbox{
			Id: id, Metadata: b.config.GetMetadata(), State: b.state(), CreatedAt: b.record.Created.UnixNano(),
			Labels: b.config.GetLabels(), Annotations: b.config.GetAnnotations(),
		})
	}
	return answer, nil
}

// matches says whether an id is meant: no id means all, and the beginning of one is enough.
func matches(want, id string) bool { return strings.HasPrefix(id, want) }

// selects says whether labels have all that a selector wants.
func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}
