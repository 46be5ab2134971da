package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/registry/rest"
	translator "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// Connection is a subresource by which a client's connection is passed on to the pod's kubelet: exec, attach, port-forward.
type Connection struct {
	pods     *Store
	kubelets *Kubelets
	access   authorizer.Authorizer
	options  func() runtime.Object
	// locate makes the path and query at the kubelet.
	locate func(pod *corev1.Pod, options runtime.Object) (path string, query url.Values, err error)
	// serve passes the connection on.
	serve func(at *url.URL, transport http.RoundTripper, options runtime.Object, r rest.Responder) http.Handler
}

// New implements rest.Storage.
func (c *Connection) New() runtime.Object { return c.options() }

// Destroy implements rest.Storage.
func (c *Connection) Destroy() {}

// ConnectMethods implements rest.Connecter: WebSockets begin with GET, SPDY with POST.
func (c *Connection) ConnectMethods() []string { return []string{http.MethodGet, http.MethodPost} }

// NewConnectOptions implements rest.Connecter.
func (c *Connection) NewConnectOptions() (runtime.Object, bool, string) {
	return c.options(), false, ""
}

// Connect implements rest.Connecter.
func (c *Connection) Connect(ctx context.Context, name string, options runtime.Object, r rest.Responder) (http.Handler, error) {
	if err := c.mayConnect(ctx, name); err != nil {
		return nil, err
	}
	obj, err := c.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod := obj.(*corev1.Pod)
	p, query, err := c.locate(pod, options)
	if err != nil {
		return nil, err
	}
	at, err := c.kubelets.ofPod(ctx, pod)
	if err != nil {
		return nil, err
	}
	at.Path, at.RawQuery = p, query.Encode()
	return c.serve(at, c.kubelets.transport, options, r), nil
}

// mayConnect asks for the right to create, which a WebSocket's GET would do without: who may only read must not get into a container.
func (c *Connection) mayConnect(ctx context.Context, name string) error {
	asked, err := filters.GetAuthorizerAttributes(ctx)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if asked.GetVerb() == "create" {
		return nil
	}
	create := &authorizer.AttributesRecord{
		User: asked.GetUser(), Verb: "create", Namespace: asked.GetNamespace(), APIGroup: asked.GetAPIGroup(), APIVersion: asked.GetAPIVersion(),
		Resource: asked.GetResource(), Subresource: asked.GetSubresource(), Name: name, ResourceRequest: true, Path: asked.GetPath(),
	}
	decision, reason, err := c.access.Authorize(ctx, create)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if decision != authorizer.DecisionAllow {
		return responsewriters.ForbiddenStatusError(create, reason)
	}
	return nil
}

// passOn is a proxy that upgrades connections.
func passOn(at *url.URL, transport http.RoundTripper, r rest.Responder) *proxy.UpgradeAwareHandler {
	return proxy.NewUpgradeAwareHandler(at, transport, false, true, proxy.NewErrorResponder(r))
}

// NewExec returns the exec subresource of pods.
func NewExec(pods *Store, k *Kubelets, access authorizer.Authorizer) *Connection {
	return &Connection{pods: pods, kubelets: k, access: access,
		options: func() runtime.Object { return &corev1.PodExecOptions{} },
		locate: func(pod *corev1.Pod, options runtime.Object) (string, url.Values, error) {
			o, ok := options.(*corev1.PodExecOptions)
			if !ok {
				return "", nil, fmt.Errorf("invalid options object: %#v", options)
			}
			p, query, err := streamsAt("exec", pod, o.Container, o.Stdin, o.Stdout, o.Stderr, o.TTY)
			for _, arg := range o.Command {
				query.Add("command", arg)
			}
			return p, query, err
		},
		serve: func(at *url.URL, transport http.RoundTripper, options runtime.Object, r rest.Responder) http.Handler {
			o := options.(*corev1.PodExecOptions)
			return streams(at, transport, r, translator.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY})
		},
	}
}

// NewAttach returns the attach subresource of pods.
func NewAttach(pods *Store, k *Kubelets, access authorizer.Authorizer) *Connection {
	return &Connection{pods: pods, kubelets: k, access: access,
		options: func() runtime.Object { return &corev1.PodAttachOptions{} },
		locate: func(pod *corev1.Pod, options runtime.Object) (string, url.Values, error) {
			o, ok := options.(*corev1.PodAttachOptions)
			if !ok {
				return "", nil, fmt.Errorf("invalid options object: %#v", options)
			}
			return streamsAt("attach", pod, o.Container, o.Stdin, o.Stdout, o.Stderr, o.TTY)
		},
		serve: func(at *url.URL, transport http.RoundTripper, options runtime.Object, r rest.Responder) http.Handler {
			o := options.(*corev1.PodAttachOptions)
			return streams(at, transport, r, translator.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY})
		},
	}
}

// NewPortForward returns the portforward subresource of pods.
func NewPortForward(pods *Store, k *Kubelets, access authorizer.Authorizer) *Connection {
	return &Connection{pods: pods, kubelets: k, access: access,
		options: func() runtime.Object { return &corev1.PodPortForwardOptions{} },
		locate: func(pod *corev1.Pod, options runtime.Object) (string, url.Values, error) {
			o, ok := options.(*corev1.PodPortForwardOptions)
			if !ok {
				return "", nil, fmt.Errorf("invalid options object: %#v", options)
			}
			query := url.Values{}
			for _, port := range o.Ports {
				query.Add("port", strconv.Itoa(int(port)))
			}
			return path.Join("/portForward", pod.Namespace, pod.Name), query, nil
		},
		serve: func(at *url.URL, transport http.RoundTripper, _ runtime.Object, r rest.Responder) http.Handler {
			handler := passOn(at, transport, r)
			return translator.NewTranslatingHandler(handler, translator.NewTunnelingHandler(handler), wsstream.IsWebSocketRequestWithTunnelingProtocol)
		},
	}
}

// streamsAt is where a kubelet serves the streams of a container.
func streamsAt(verb string, pod *corev1.Pod, container string, stdin, stdout, stderr, tty bool) (string, url.Values, error) {
	query := url.Values{}
	container, err := containerOf(pod, container)
	if err != nil {
		return "", query, err
	}
	for name, on := range map[string]bool{corev1.ExecStdinParam: stdin, corev1.ExecStdoutParam: stdout, corev1.ExecStderrParam: stderr, corev1.ExecTTYParam: tty} {
		if on {
			query.Set(name, "1")
		}
	}
	return path.Join("/"+verb, pod.Namespace, pod.Name, container), query, nil
}

// streams passes streams on. What clients send over WebSockets in the newest protocol goes on as SPDY, which all kubelets speak.
func streams(at *url.URL, transport http.RoundTripper, r rest.Responder, o translator.Options) http.Handler {
	handler := passOn(at, transport, r)
	translate := translator.NewStreamTranslatorHandler(at, transport, 0, o)
	return translator.NewTranslatingHandler(handler, translate, wsstream.IsWebSocketRequestWithStreamCloseProtocol)
}
