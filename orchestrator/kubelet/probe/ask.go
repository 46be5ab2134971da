package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// errNoQuestion says that a probe has none of the ways to ask that this node knows.
var errNoQuestion = errors.New("missing probe handler")

// question asks a container once. text says how it answered; an error, that it could not be asked.
func (w *worker) question(status *v1.PodStatus, id string, timeout time.Duration) (got answer, text string, err error) {
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	defer cancel()
	switch h := &w.spec.ProbeHandler; {
	case h.Exec != nil:
		return w.exec(ctx, id, h.Exec.Command, timeout)
	case h.HTTPGet != nil:
		port, err := w.port(h.HTTPGet.Port)
		if err != nil {
			return none, "", err
		}
		return w.httpGet(ctx, h.HTTPGet, hostOf(h.HTTPGet.Host, status), port)
	case h.TCPSocket != nil:
		port, err := w.port(h.TCPSocket.Port)
		if err != nil {
			return none, "", err
		}
		return dial(ctx, net.JoinHostPort(hostOf(h.TCPSocket.Host, status), strconv.Itoa(port)))
	case h.GRPC != nil:
		service := ""
		if h.GRPC.Service != nil {
			service = *h.GRPC.Service
		}
		return askHealth(ctx, net.JoinHostPort(status.PodIP, strconv.Itoa(int(h.GRPC.Port))), service, timeout)
	}
	return none, "", errNoQuestion
}

// hostOf is who is asked: the pod, if the probe doesn't say.
func hostOf(host string, status *v1.PodStatus) string {
	if host == "" {
		return status.PodIP
	}
	return host
}

// port is a number, or that of the container's port of a name.
func (w *worker) port(port intstr.IntOrString) (int, error) {
	number := port.IntValue()
	if port.Type == intstr.String {
		for i := range w.container.Ports {
			if w.container.Ports[i].Name == port.StrVal {
				number = int(w.container.Ports[i].ContainerPort)
			}
		}
	}
	if number <= 0 || number > 65535 {
		return 0, fmt.Errorf("invalid port: %v", port.String())
	}
	return number, nil
}

func (w *worker) exec(ctx context.Context, id string, command []string, timeout time.Duration) (answer, string, error) {
	out, code, err := w.m.o.Exec(ctx, id, command, timeout)
	switch {
	case errors.Is(err, context.DeadlineExceeded), grpcstatus.Code(err) == codes.DeadlineExceeded:
		return bad, fmt.Sprintf("command timed out: %q timed out after %s", command, timeout), nil
	case err != nil:
		return none, "", err
	case code != 0:
		return bad, string(cut(out)), nil
	}
	return good, "", nil
}

// mostOutput is how much of what a container answers is kept.
const mostOutput = 10 * 1024

func cut(out []byte) []byte { return out[:min(len(out), mostOutput)] }

// dial connects, and has nothing to say.
func dial(ctx context.Context, address string) (answer, string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return bad, err.Error(), nil
	}
	return good, "", conn.Close()
}

// askHealth asks a server by gRPC's protocol for health.
func askHealth(ctx context.Context, address, service string, timeout time.Duration) (answer, string, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(userAgent), grpc.WithNoProxy())
	if err != nil {
		return none, "", err
	}
	defer func() { _ = conn.Close() }()
	got, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	switch grpcstatus.Code(err) {
	case codes.OK:
		if got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			return bad, fmt.Sprintf("service unhealthy (responded with %q)", got.GetStatus()), nil
		}
		return good, "", nil
	case codes.Unimplemented:
		return bad, fmt.Sprintf("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): %v", err), nil
	case codes.DeadlineExceeded:
		return bad, fmt.Sprintf("timeout: health rpc did not complete within %v", timeout), nil
	case codes.Unavailable:
		return bad, fmt.Sprintf("error: failed to connect service %q: %v", address, err), nil
	}
	return bad, fmt.Sprintf("error: health rpc probe failed: %v", err), nil
}
