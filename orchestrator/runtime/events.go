package runtime

import (
	"sync"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// backlog is how many events a listener may be behind before it is cut off: the kubelet then lists everything anew.
const backlog = 1000

// broadcast sends events to all who listen.
type broadcast struct {
	mu        sync.Mutex
	listeners map[chan *runtimeapi.ContainerEventResponse]struct{}
}

// send tells what has happened to a container, or to a sandbox by its own id.
func (b *broadcast) send(kind runtimeapi.ContainerEventType, id string, s *Server, sandbox string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.listeners) == 0 {
		return
	}
	e := &runtimeapi.ContainerEventResponse{ContainerId: id, ContainerEventType: kind, CreatedAt: time.Now().UnixNano()}
	s.mu.Lock()
	if p := s.sandboxes[sandbox]; p != nil {
		e.PodSandboxStatus = p.status()
		for _, c := range s.containersOf(sandbox) {
			e.ContainersStatuses = append(e.ContainersStatuses, c.status())
		}
	}
	s.mu.Unlock()
	for l := range b.listeners {
		select {
		case l <- e:
		default:
			delete(b.listeners, l)
			close(l)
		}
	}
}

// GetContainerEvents sends what happens from now on.
func (s *Server) GetContainerEvents(_ *runtimeapi.GetEventsRequest, out grpc.ServerStreamingServer[runtimeapi.ContainerEventResponse]) error {
	l := make(chan *runtimeapi.ContainerEventResponse, backlog)
	s.events.mu.Lock()
	if s.events.listeners == nil {
		s.events.listeners = map[chan *runtimeapi.ContainerEventResponse]struct{}{}
	}
	s.events.listeners[l] = struct{}{}
	s.events.mu.Unlock()
	defer func() {
		s.events.mu.Lock()
		defer s.events.mu.Unlock()
		delete(s.events.listeners, l)
	}()
	if err := out.SendHeader(nil); err != nil { // who has it misses nothing from then on
		return err
	}
	for {
		select {
		case e, ok := <-l:
			if !ok {
				return nil
			}
			if err := out.Send(e); err != nil {
				return err
			}
		case <-out.Context().Done():
			return nil
		case <-s.ctx.Done():
			return nil
		}
	}
}
