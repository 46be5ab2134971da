package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/kubelet/pkg/types"
	"k8s.io/utils/exec"
)

// fakeRuntime is a CRI runtime with one running container in one sandbox. Its streaming server is cri-streaming's, which refuses WebSockets
// of v5, as containerd's does.
type fakeRuntime struct {
	internalapi.RuntimeService
	streaming.Server

	mu      sync.Mutex
	logPath string
	state   runtimeapi.ContainerState
	stats   []*runtimeapi.ContainerStats
}

const containerID, sandboxID, podUID = "container-1", "sandbox-1", "uid-1"

func newFakeRuntime(t *testing.T) *fakeRuntime {
	t.Helper()
	f := &fakeRuntime{state: runtimeapi.ContainerState_CONTAINER_RUNNING}
	var handler http.Handler
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			http.Error(w, "somebody's token", http.StatusTeapot)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(at.CloseClientConnections)
	config := streaming.DefaultConfig
	base, err := url.Parse(at.URL)
	require.NoError(t, err)
	config.BaseURL = base
	f.Server, err = streaming.NewServer(config, (*fakeStreams)(nil))
	require.NoError(t, err)
	handler = f.Server
	return f
}

func (f *fakeRuntime) ListContainers(_ context.Context, filter *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	if filter.LabelSelector[types.KubernetesPodUIDLabel] != podUID || filter.LabelSelector[types.KubernetesContainerNameLabel] != "c" {
		return nil, nil
	}
	return []*runtimeapi.Container{{Id: "older", CreatedAt: 1}, {Id: containerID, CreatedAt: 3}, {Id: "old", CreatedAt: 2}}, nil
}

func (f *fakeRuntime) ListPodSandbox(_ context.Context, filter *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	if filter.LabelSelector[types.KubernetesPodUIDLabel] != podUID {
		return nil, nil
	}
	return []*runtimeapi.PodSandbox{{Id: sandboxID}}, nil
}

func (f *fakeRuntime) ContainerStatus(_ context.Context, id string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id != containerID {
		return nil, fmt.Errorf("no container %s", id)
	}
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{Id: id, LogPath: f.logPath, State: f.state}}, nil
}

func (f *fakeRuntime) ListContainerStats(context.Context, *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	return f.stats, nil
}

func (f *fakeRuntime) Exec(_ context.Context, r *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	return f.GetExec(r)
}

func (f *fakeRuntime) Attach(_ context.Context, r *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	return f.GetAttach(r)
}

func (f *fakeRuntime) PortForward(_ context.Context, r *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	return f.GetPortForward(r)
}

func (f *fakeRuntime) ExecSync(_ context.Context, id string, cmd []string, _ time.Duration) (stdout, stderr []byte, err error) {
	if cmd[0] == "fail" {
		return []byte("out"), []byte("err"), exec.CodeExitError{Code: 1, Err: errors.New("exit 1")}
	}
	return fmt.Appendf(nil, "%s: %s", id, strings.Join(cmd, " ")), nil, nil
}

// fakeStreams is what runs behind the streaming server.
type fakeStreams struct{}

func (*fakeStreams) Exec(_ context.Context, id string, cmd []string, in io.Reader, out, stderr io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	switch cmd[0] {
	case "cat":
		_, err := io.Copy(out, in)
		return err
	case "size":
		size := <-resize
		_, err := fmt.Fprintf(out, "%dx%d tty=%t", size.Width, size.Height, tty)
		return err
	case "exit":
		return exec.CodeExitError{Code: 7, Err: errors.New("exit 7")}
	}
	if _, err := fmt.Fprintf(out, "%s: %s", id, strings.Join(cmd, " ")); err != nil || stderr == nil {
		return err
	}
	_, err := fmt.Fprint(stderr, "complaint")
	return err
}

func (*fakeStreams) Attach(_ context.Context, id string, in io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	_, err := io.Copy(out, io.MultiReader(strings.NewReader(id+" attached: "), in))
	return err
}

func (*fakeStreams) PortForward(_ context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	line, err := bufio.NewReader(stream).ReadString('\n')
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stream, "%s port %d: %s", id, port, line)
	return err
}

// pods are the node's.
type pods []*v1.Pod

func (p pods) Pods() []*v1.Pod { return p }

func (p pods) Pod(namespace, name string) (*v1.Pod, bool) {
	for _, pod := range p {
		if pod.Namespace == namespace && pod.Name == name {
			return pod, true
		}
	}
	return nil, false
}

// running is a pod whose container c runs.
func running() *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: podUID},
		Status: v1.PodStatus{StartTime: &metav1.Time{Time: time.Unix(1000, 0)}, ContainerStatuses: []v1.ContainerStatus{
			{Name: "c", ContainerID: "fake://" + containerID, State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}},
			{Name: "gone", ContainerID: "fake://lost", State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}},
		}},
	}
}

// served is a server on loopback.
type served struct {
	*fakeRuntime
	options Options
	config  *rest.Config
	client  *http.Client
}

// serve serves a pod that runs.
func serve(t *testing.T, change ...func(*Options)) *served {
	t.Helper()
	s := &served{fakeRuntime: newFakeRuntime(t)}
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS() // for its certificate alone
	t.Cleanup(certificate.Close)
	s.options = Options{
		NodeName: "n", Pods: pods{running()}, Runtime: s.fakeRuntime, RootDir: t.TempDir(),
		TLS: &tls.Config{Certificates: certificate.TLS.Certificates, MinVersion: tls.VersionTLS12},
	}
	for _, f := range change {
		f(&s.options)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(s.options).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	s.config = &rest.Config{Host: "https://" + l.Addr().String(), TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	s.client, err = rest.HTTPClientFor(s.config)
	require.NoError(t, err)
	return s
}

// get asks for a path, and returns what is answered.
func (s *served) get(t *testing.T, path string, header ...string) (int, string) {
	t.Helper()
	return s.do(t, http.MethodGet, path, header...)
}

func (s *served) do(t *testing.T, method, path string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.config.Host+path, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// log makes the container's log, and rotated ones beside it, of lines.
func (s *served) log(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	s.logPath = filepath.Join(dir, "0.log")
	for suffix, text := range files {
		require.NoError(t, os.WriteFile(s.logPath+suffix, []byte(text), 0o600))
	}
	return s.logPath
}
