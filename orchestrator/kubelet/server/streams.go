package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/proxy"
	translator "k8s.io/apiserver/pkg/util/proxy"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

func (s *Server) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, err := s.container(r.Context(), r)
	if err != nil {
		refuse(w, err)
		return
	}
	answer, err := s.o.Runtime.Exec(r.Context(), &runtimeapi.ExecRequest{
		ContainerId: id, Cmd: r.URL.Query()["command"], Tty: options.TTY, Stdin: options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr,
	})
	if err != nil {
		refuse(w, err)
		return
	}
	passStreams(w, r, answer.Url, options)
}

func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, err := s.container(r.Context(), r)
	if err != nil {
		refuse(w, err)
		return
	}
	answer, err := s.o.Runtime.Attach(r.Context(), &runtimeapi.AttachRequest{
		ContainerId: id, Tty: options.TTY, Stdin: options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr,
	})
	if err != nil {
		refuse(w, err)
		return
	}
	passStreams(w, r, answer.Url, options)
}

func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	request := &runtimeapi.PortForwardRequest{}
	for _, text := range r.URL.Query()["port"] {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			http.Error(w, fmt.Sprintf("unable to parse %q as a port", text), http.StatusBadRequest)
			return
		}
		request.Port = append(request.Port, int32(port))
	}
	var err error
	if request.PodSandboxId, err = s.sandbox(r.Context(), r); err != nil {
		refuse(w, err)
		return
	}
	answer, err := s.o.Runtime.PortForward(r.Context(), request)
	if err != nil {
		refuse(w, err)
		return
	}
	at, err := url.Parse(answer.Url)
	if err != nil {
		refuse(w, fmt.Errorf("server: the runtime's URL: %w", err))
		return
	}
	plain := passOn(at)
	translator.NewTranslatingHandler(plain, translator.NewTunnelingHandler(plain), wsstream.IsWebSocketRequestWithTunnelingProtocol).ServeHTTP(w, r)
}

// passStreams passes the streams of a command on. What a client sends in the newest protocol goes on as SPDY, which all runtimes speak.
func passStreams(w http.ResponseWriter, r *http.Request, at string, o *remotecommand.Options) {
	where, err := url.Parse(at)
	if err != nil {
		refuse(w, fmt.Errorf("server: the runtime's URL: %w", err))
		return
	}
	translate := translator.NewStreamTranslatorHandler(where, runtimeTransport(), 0, translator.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY})
	translator.NewTranslatingHandler(passOn(where), translate, wsstream.IsWebSocketRequestWithStreamCloseProtocol).ServeHTTP(w, r)
}

// runtimeTransport reaches the runtime's streaming server, on this node and with no proxy between.
func runtimeTransport() *http.Transport { return &http.Transport{} }

// passOn is a proxy that upgrades connections, to a runtime's streaming server.
func passOn(at *url.URL) http.Handler {
	return proxy.NewUpgradeAwareHandler(at, runtimeTransport(), false, true, responder{})
}

// responder tells clients of errors that come up before a connection is upgraded.
type responder struct{}

func (responder) Error(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusInternalServerError
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		code = int(status.Status().Code)
	}
	klog.FromContext(r.Context()).Error(err, "Error while proxying request", "path", r.URL.Path)
	http.Error(w, err.Error(), code)
}

// runTimeout is how long a command of /run may take.
const runTimeout = 2 * time.Minute

// run runs a command without input and answers with what it wrote.
func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	id, err := s.container(r.Context(), r)
	if err != nil {
		refuse(w, err)
		return
	}
	command := r.URL.Query()["cmd"]
	if len(command) == 0 {
		http.Error(w, "cmd is required", http.StatusBadRequest)
		return
	}
	stdout, stderr, err := s.o.Runtime.ExecSync(r.Context(), id, command, runTimeout)
	if err != nil {
		refuse(w, fmt.Errorf("%w: %s%s", err, stdout, stderr))
		return
	}
	if _, err := w.Write(append(stdout, stderr...)); err != nil {
		klog.FromContext(r.Context()).V(4).Info("Answer not written", "path", r.URL.Path, "err", err)
	}
}
