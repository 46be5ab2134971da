package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// ways are the protocols by which clients stream.
func (s *served) ways(t *testing.T, path string) map[string]remotecommand.Executor {
	t.Helper()
	at, err := url.Parse(s.config.Host + path)
	require.NoError(t, err)
	over, err := remotecommand.NewSPDYExecutor(s.config, http.MethodPost, at)
	require.NoError(t, err)
	newest, err := remotecommand.NewWebSocketExecutor(s.config, http.MethodGet, at.String())
	require.NoError(t, err)
	older, err := remotecommand.NewWebSocketExecutorForProtocols(s.config, http.MethodGet, at.String(), "v4.channel.k8s.io")
	require.NoError(t, err)
	return map[string]remotecommand.Executor{"SPDY": over, "WebSocket v5": newest, "WebSocket v4": older}
}

func TestExec(t *testing.T) {
	s := serve(t)
	s.config.BearerToken = "secret" // which the runtime refuses to see
	for name, way := range s.ways(t, "/exec/ns/p/c?command=echo&command=a+b&output=1&error=1") {
		var out, stderr bytes.Buffer
		require.NoError(t, way.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: &out, Stderr: &stderr}), name)
		require.Equal(t, containerID+": echo a b", out.String(), name)
		require.Equal(t, "complaint", stderr.String(), name)
	}
	for name, way := range s.ways(t, "/exec/ns/p/c?command=exit&output=1") {
		err := way.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: io.Discard})
		var code exec.CodeExitError
		require.ErrorAs(t, err, &code, name)
		require.Equal(t, 7, code.Code, name)
	}
	for name, way := range s.ways(t, "/exec/ns/p/c?command=cat&input=1&output=1") {
		if name == "WebSocket v4" {
			continue // can't say that the input has ended
		}
		var out bytes.Buffer
		require.NoError(t, way.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader(strings.Repeat("x", 100_000)), Stdout: &out}), name)
		require.Equal(t, 100_000, out.Len(), name)
	}
	for name, way := range s.ways(t, "/exec/ns/p/c?command=size&output=1&tty=1") {
		var out bytes.Buffer
		require.NoError(t, way.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: &out, Tty: true, TerminalSizeQueue: &sizes{}}), name)
		require.Equal(t, "80x25 tty=true", out.String(), name)
	}
	for name, way := range s.ways(t, "/exec/ns/p/none?command=x&output=1") {
		require.Error(t, way.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: io.Discard}), name)
	}
}

// sizes is a terminal that never changes.
type sizes struct{ said bool }

func (s *sizes) Next() *remotecommand.TerminalSize {
	if s.said {
		return nil
	}
	s.said = true
	return &remotecommand.TerminalSize{Width: 80, Height: 25}
}

func TestAttach(t *testing.T) {
	s := serve(t)
	for name, way := range s.ways(t, "/attach/ns/p/uid-1/c?input=1&output=1") {
		if name == "WebSocket v4" {
			continue // can't say that the input has ended
		}
		var out bytes.Buffer
		require.NoError(t, way.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader("hello"), Stdout: &out}), name)
		require.Equal(t, containerID+" attached: hello", out.String(), name)
	}
}

func TestPortForward(t *testing.T) {
	s := serve(t)
	at, err := url.Parse(s.config.Host + "/portForward/ns/p")
	require.NoError(t, err)
	transport, upgrader, err := spdy.RoundTripperFor(s.config)
	require.NoError(t, err)
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(at, s.config)
	require.NoError(t, err)
	for name, dialer := range map[string]httpstream.Dialer{
		"SPDY": spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, at), "tunnel": tunnel,
	} {
		stop, ready := make(chan struct{}), make(chan struct{})
		forward, err := portforward.NewForStreaming(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
		require.NoError(t, err, name)
		ended := make(chan error, 1)
		go func() { ended <- forward.ForwardPorts() }()
		select {
		case <-ready:
		case err := <-ended:
			require.NoError(t, err, name)
		}
		ports, err := forward.GetPorts()
		require.NoError(t, err, name)
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0].Local))
		require.NoError(t, err, name)
		_, err = fmt.Fprintln(conn, "hello")
		require.NoError(t, err, name)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err, name)
		require.Equal(t, sandboxID+" port 8080: hello\n", string(answer), name)
		conn.Close()
		close(stop)
		require.NoError(t, <-ended, name)
	}
}
