package clustertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/api"
)

// streamIdle is how long a stream may be silent. It ends a test that forgot one.
const streamIdle = 10 * time.Minute

// ServeKubelets serves what kubelets serve to the apiserver, for all simulated nodes, until ctx ends. The port is for NodeOptions.Serve.
func (c *Cluster) ServeKubelets(ctx context.Context) (port int32, err error) {
	if err := c.authority.pair("kubelet", "system:node:simulated", "system:nodes"); err != nil {
		return 0, err
	}
	config, err := c.authority.serverTLS("kubelet")
	if err != nil {
		return 0, err
	}
	return serveKubelets(ctx, config)
}

// kubeletServer is the one server of all simulated kubelets. It believes what a request says of its pod: that there is such a pod, on
// a node that lives, is for the apiserver to know.
type kubeletServer struct {
	queries runtime.ParameterCodec
}

// serveKubelets serves on a free port of loopback.
func serveKubelets(ctx context.Context, config *tls.Config) (port int32, err error) {
	scheme, err := api.NewScheme()
	if err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("clustertest: kubelets: %w", err)
	}
	k := &kubeletServer{queries: runtime.NewParameterCodec(scheme)}
	server := &http.Server{Handler: k.routes(), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		if err := server.Serve(tls.NewListener(l, config)); !errors.Is(err, http.ErrServerClosed) {
			klog.FromContext(ctx).Error(err, "Simulated kubelets serve no longer")
		}
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return int32(l.Addr().(*net.TCPAddr).Port), nil
}

// routes are the paths of a kubelet. WebSockets begin with GET, SPDY with POST.
func (k *kubeletServer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.containerLogs)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		mux.HandleFunc(method+" /exec/{namespace}/{pod}/{container}", k.exec)
		mux.HandleFunc(method+" /attach/{namespace}/{pod}/{container}", k.attach)
		mux.HandleFunc(method+" /portForward/{namespace}/{pod}", k.portForward)
	}
	return mux
}

// containerOf is the container that a request names.
func containerOf(r *http.Request) *container {
	return &container{namespace: r.PathValue("namespace"), pod: r.PathValue("pod"), name: r.PathValue("container")}
}

func (k *kubeletServer) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, containerOf(r), "", "", "", r.URL.Query()["command"], options,
		streamIdle, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
}

func (k *kubeletServer) attach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeAttach(w, r, containerOf(r), "", "", "", options,
		streamIdle, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
}

func (k *kubeletServer) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, containerOf(r), "", "", options,
		streamIdle, remotecommand.DefaultStreamCreationTimeout, portforward.SupportedProtocols)
}
