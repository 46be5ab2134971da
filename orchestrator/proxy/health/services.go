package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/proxy"
)

// services are the ports on which load balancers ask about single Services.
type services struct {
	ctx   context.Context
	state *State

	mu      sync.Mutex
	checks  map[types.NamespacedName]proxy.HealthCheck
	servers map[types.NamespacedName]*server
}

// server answers about one Service.
type server struct {
	*http.Server
	port uint16
}

func newServices(ctx context.Context, state *State) *services {
	s := &services{ctx: ctx, state: state, servers: map[types.NamespacedName]*server{}}
	context.AfterFunc(ctx, func() { s.set(nil) })
	return s
}

// set says which Services there are. Ports that nobody asks on any longer are closed before others are opened.
func (s *services) set(checks map[types.NamespacedName]proxy.HealthCheck) {
	s.mu.Lock()
	s.checks = checks
	for service, server := range s.servers {
		if s.checks[service].Port != server.port {
			server.Close()
			delete(s.servers, service)
		}
	}
	s.mu.Unlock()
	s.open()
}

// open opens the ports that aren't open.
func (s *services) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for service, check := range s.checks {
		if s.servers[service] != nil || s.ctx.Err() != nil {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(int(check.Port))))
		if err != nil {
			klog.FromContext(s.ctx).Error(err, "Load balancers can't ask about a Service", "service", service)
			continue
		}
		server := &server{Server: &http.Server{Handler: s.handler(service), ReadHeaderTimeout: 10 * time.Second}, port: check.Port}
		s.servers[service] = server
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				klog.FromContext(s.ctx).Error(err, "Answering load balancers ended", "service", service)
			}
		}()
	}
}

// handler answers about a Service, on whatever path.
func (s *services) handler(service types.NamespacedName) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		n := s.checks[service].LocalEndpoints
		s.mu.Unlock()
		healthy := s.state.Healthy()
		code := http.StatusServiceUnavailable
		if n > 0 && healthy {
			code = http.StatusOK
		}
		w.Header().Set("X-Load-Balancing-Endpoint-Weight", strconv.Itoa(n))
		header(w, code)
		fmt.Fprintf(w, `{"service": {"namespace": %q,"name": %q},"localEndpoints": %d,"serviceProxyHealthy": %v}`, service.Namespace, service.Name, n, healthy)
	})
}
