package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

// ask asks a container on loopback, whose port named web is given.
func ask(t *testing.T, h v1.ProbeHandler, web int) (answer, string, []string, error) {
	t.Helper()
	events := record.NewFakeRecorder(10)
	m := New(Options{Recorder: events})
	pod := podWith(nil, nil, &v1.Probe{ProbeHandler: h})
	pod.Spec.Containers[0].Ports = []v1.ContainerPort{{Name: "web", ContainerPort: int32(web)}}
	w := m.newWorker(pod, &pod.Spec.Containers[0], readiness, pod.Spec.Containers[0].ReadinessProbe)
	w.ctx, w.stop = context.WithCancel(t.Context())
	defer w.stop()
	got, text, err := w.question(&v1.PodStatus{PodIP: "127.0.0.1"}, "id", 500*time.Millisecond)
	close(events.Events)
	var said []string
	for e := range events.Events {
		said = append(said, e)
	}
	return got, text, said, err
}

// portOf is where a server listens.
func portOf(t *testing.T, at string) int {
	t.Helper()
	u, err := url.Parse(at)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}

// closedPort is one where nobody listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestHTTP(t *testing.T) {
	forever := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-forever:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/to-bad", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/bad", http.StatusFound) })
	mux.HandleFunc("/to-other", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://other.example/", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "me" || r.Header.Get("X") != "y" || r.URL.RawQuery != "a=b" || r.Header.Get("Accept") != "*/*" || r.UserAgent() != userAgent {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	plain, secure := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	defer plain.Close()
	defer secure.Close()
	defer close(forever)
	port := portOf(t, plain.URL)
	for _, c := range []struct {
		get  v1.HTTPGetAction
		want answer
		text string
	}{
		{v1.HTTPGetAction{Path: "/ok"}, good, ""},
		{v1.HTTPGetAction{Path: "ok"}, good, ""},
		{v1.HTTPGetAction{Path: "/ok", Port: intstr.FromString("web")}, good, ""},
		{v1.HTTPGetAction{Path: "/ok", Host: "localhost"}, good, ""},
		{v1.HTTPGetAction{Path: "/ok", Scheme: v1.URISchemeHTTPS, Port: intstr.FromInt(portOf(t, secure.URL))}, good, ""},
		{v1.HTTPGetAction{Path: "/ok", Port: intstr.FromInt(closedPort(t))}, bad, "connection refused"},
		{v1.HTTPGetAction{Path: "/bad"}, bad, "HTTP probe failed with statuscode: 500"},
		{v1.HTTPGetAction{Path: "/slow"}, bad, "context deadline exceeded"},
		{v1.HTTPGetAction{Path: "/to-bad"}, bad, "HTTP probe failed with statuscode: 500"},
		{v1.HTTPGetAction{Path: "/loop"}, bad, "stopped after 10 redirects"},
		{v1.HTTPGetAction{Path: "/headers?a=b", HTTPHeaders: []v1.HTTPHeader{{Name: "host", Value: "me"}, {Name: "x", Value: "y"}}}, good, ""},
	} {
		if c.get.Port == (intstr.IntOrString{}) {
			c.get.Port = intstr.FromInt(port)
		}
		got, text, _, err := ask(t, v1.ProbeHandler{HTTPGet: &c.get}, port)
		require.NoError(t, err, c.get)
		require.Equal(t, c.want, got, "%v: %s", c.get, text)
		require.Contains(t, text, c.text, c.get)
	}
	got, _, events, err := ask(t, v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/to-other", Port: intstr.FromInt(port)}}, 0)
	require.NoError(t, err)
	require.Equal(t, good, got, "what another host says is not this one's health")
	require.Equal(t, []string{"Warning ProbeWarning Readiness probe warning: Probe terminated redirects"}, events)
	for _, p := range []intstr.IntOrString{intstr.FromString("none"), intstr.FromInt(0), intstr.FromInt(70000)} {
		_, _, _, err := ask(t, v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Port: p}}, port)
		require.ErrorContains(t, err, "invalid port", p)
	}
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	got, _, _, err := ask(t, v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromString("web")}}, l.Addr().(*net.TCPAddr).Port)
	require.NoError(t, err)
	require.Equal(t, good, got)
	got, text, _, err := ask(t, v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt(closedPort(t))}}, 0)
	require.NoError(t, err)
	require.Equal(t, bad, got)
	require.Contains(t, text, "connection refused")
}

func TestGRPC(t *testing.T) {
	serve := func(register func(*grpc.Server)) int32 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		server := grpc.NewServer()
		register(server)
		go func() { _ = server.Serve(l) }()
		t.Cleanup(server.Stop)
		return int32(l.Addr().(*net.TCPAddr).Port)
	}
	healthy := health.NewServer()
	healthy.SetServingStatus("ill", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	port := serve(func(s *grpc.Server) { grpc_health_v1.RegisterHealthServer(s, healthy) })
	for _, c := range []struct {
		port    int32
		service *string
		want    answer
		text    string
	}{
		{port, nil, good, ""},
		{port, ptr.To("ill"), bad, `service unhealthy (responded with "NOT_SERVING")`},
		{port, ptr.To("unknown"), bad, "health rpc probe failed"},
		{serve(func(*grpc.Server) {}), nil, bad, "does not implement the grpc health protocol"},
		{int32(closedPort(t)), nil, bad, "failed to connect service"},
	} {
		got, text, _, err := ask(t, v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: c.port, Service: c.service}}, 0)
		require.NoError(t, err)
		require.Equal(t, c.want, got, text)
		require.Contains(t, text, c.text)
	}
	_, _, _, err := ask(t, v1.ProbeHandler{}, 0)
	require.ErrorIs(t, err, errNoQuestion)
}
