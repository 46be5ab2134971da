package clustertest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

// TestKubelets: whom the apiserver and kubelets believe, and the ways by which streams pass through the one to the other.
func TestKubelets(t *testing.T) {
	c, client, _ := start(t, Options{NoController: true, NoScheduler: true}, "node1")
	ctx := context.Background()
	_, err := client.CoreV1().ServiceAccounts("default").Create(ctx, &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	podOn(ctx, t, client, "web", "node1")
	t.Run("nobody", func(t *testing.T) { withoutCertificate(ctx, t, c) })
	t.Run("stranger", func(t *testing.T) { strangeKubelet(ctx, t, c, client) })
	t.Run("gone", func(t *testing.T) { silentKubelet(ctx, t, c, client) })
	t.Run("exec", func(t *testing.T) { waysOfExec(ctx, t, c, client) })
}

// podOn makes a pod of a node.
func podOn(ctx context.Context, t *testing.T, client kubernetes.Interface, name, node string) {
	t.Helper()
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.PodSpec{NodeName: node, Containers: []v1.Container{{Name: "c", Image: "c"}}}}
	_, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
	require.NoError(t, err)
}

// withoutCertificate: a kubelet lets in only who has a certificate of the cluster's authority.
func withoutCertificate(ctx context.Context, t *testing.T, c *Cluster) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	port, err := c.ServeKubelets(ctx)
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(c.File("kubelet-client.crt"), c.File("kubelet-client.key"))
	require.NoError(t, err)
	url := fmt.Sprintf("https://127.0.0.1:%d/containerLogs/default/web/c?tailLines=1", port)
	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		err          string
	}{
		"without": {nil, "certificate required"},
		"with":    {[]tls.Certificate{pair}, ""},
	} {
		config := &tls.Config{InsecureSkipVerify: true, Certificates: tc.certificates} //nolint:gosec // it is the client that is to be checked
		client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: config}}
		resp, err := client.Get(url)
		if tc.err != "" {
			require.ErrorContains(t, err, tc.err, name)
			continue
		}
		require.NoError(t, err, name)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "default/web/c: line 10\n", string(body))
	}
}

// lastLine is the last one of a pod's log.
func lastLine(ctx context.Context, client kubernetes.Interface, pod string, o *v1.PodLogOptions) (string, error) {
	o.TailLines = new(int64(1))
	stream, err := client.CoreV1().Pods("default").GetLogs(pod, o).Stream(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	return string(text), err
}

// strangeKubelet: the apiserver asks nothing of a kubelet whose certificate another authority signed, unless the client says that it
// doesn't mind, which it may for logs.
func strangeKubelet(ctx context.Context, t *testing.T, c *Cluster, client *kubernetes.Clientset) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	strange, err := newAuthority(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, strange.pair("kubelet", "system:node:stranger", "system:nodes"))
	config, err := strange.serverTLS("kubelet")
	require.NoError(t, err)
	config.ClientAuth = tls.NoClientCert
	port, err := serveKubelets(ctx, config)
	require.NoError(t, err)
	nodes := NewNodes(client, NodeOptions{Names: []string{"stranger"}, Serve: func(string) int32 { return port }})
	require.NoError(t, nodes.Run(ctx))
	podOn(ctx, t, client, "far", "stranger")

	_, err = lastLine(ctx, client, "far", &v1.PodLogOptions{})
	require.True(t, apierrors.IsInternalError(err), "%v", err)
	require.ErrorContains(t, err, "x509: certificate signed by unknown authority")
	line, err := lastLine(ctx, client, "far", &v1.PodLogOptions{InsecureSkipTLSVerifyBackend: true})
	require.NoError(t, err)
	require.Equal(t, "default/far/c: line 10\n", line)
	for _, w := range ways {
		_, _, err := run(ctx, t, c, client, w, "far", "", "echo", "secret")
		require.ErrorContains(t, err, "x509: certificate signed by unknown authority", w.name)
	}
}

// silentKubelet: what the client is told when nobody answers.
func silentKubelet(ctx context.Context, t *testing.T, c *Cluster, client *kubernetes.Clientset) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ports, err := freePorts(1)
	require.NoError(t, err)
	nodes := NewNodes(client, NodeOptions{Names: []string{"silent"}, Serve: func(string) int32 { return int32(ports[0]) }})
	require.NoError(t, nodes.Run(ctx))
	podOn(ctx, t, client, "lost", "silent")
	_, err = lastLine(ctx, client, "lost", &v1.PodLogOptions{})
	require.True(t, apierrors.IsInternalError(err), "%v", err)
	require.ErrorContains(t, err, "connect: connection refused")
	_, _, err = run(ctx, t, c, client, ways[0], "lost", "", "ls")
	require.ErrorContains(t, err, "error dialing backend")
}

// way is a protocol by which a client's streams come.
type way struct {
	name      string
	websocket string // the subprotocol; empty: SPDY
}

// ways are all of them. The apiserver translates the newest of WebSockets' into SPDY, and passes on the others as they are.
var ways = []way{{name: "SPDY"}, {"WebSocket v5", "v5.channel.k8s.io"}, {"WebSocket v4", "v4.channel.k8s.io"}}

// run runs a command in a pod, one way.
func run(ctx context.Context, t *testing.T, c *Cluster, client *kubernetes.Clientset, w way, pod, stdin string, command ...string) (out, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	config, err := c.Config()
	require.NoError(t, err)
	options := &v1.PodExecOptions{Stdin: stdin != "", Stdout: true, Stderr: true, Command: command}
	at := client.CoreV1().RESTClient().Get().Namespace("default").Resource("pods").Name(pod).SubResource("exec").VersionedParams(options, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, at)
	if w.websocket != "" {
		executor, err = remotecommand.NewWebSocketExecutorForProtocols(config, http.MethodGet, at.String(), w.websocket)
	}
	require.NoError(t, err)
	var outs, errs bytes.Buffer
	streams := remotecommand.StreamOptions{Stdout: &outs, Stderr: &errs}
	if stdin != "" {
		streams.Stdin = strings.NewReader(stdin)
	}
	err = executor.StreamWithContext(ctx, streams)
	return outs.String(), errs.String(), err
}

// waysOfExec: output, errors, input and the exit code pass, whichever way.
func waysOfExec(ctx context.Context, t *testing.T, c *Cluster, client *kubernetes.Clientset) {
	for _, w := range ways {
		out, stderr, err := run(ctx, t, c, client, w, "web", "", "echo", "hello")
		require.NoError(t, err, w.name)
		require.Equal(t, "hello\n", out, w.name)
		require.Empty(t, stderr, w.name)
		out, stderr, err = run(ctx, t, c, client, w, "web", "", "stderr", "oh")
		require.NoError(t, err, w.name)
		require.Equal(t, "oh\n", stderr, w.name)
		require.Empty(t, out, w.name)
		_, _, err = run(ctx, t, c, client, w, "web", "", "sh", "-c", "exit 3")
		var exit exec.CodeExitError
		require.ErrorAs(t, err, &exit, w.name)
		require.Equal(t, 3, exit.Code, w.name)
		if w.websocket == "v4.channel.k8s.io" {
			continue // which has no way to say that the input ends
		}
		out, _, err = run(ctx, t, c, client, w, "web", "said\nand done", "cat")
		require.NoError(t, err, w.name)
		require.Equal(t, "said\nand done", out, w.name)
	}
}
