package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	internalapi "k8s.io/cri-api/pkg/apis"
	"k8s.io/klog/v2"
)

// PodLookup is what the server asks about the kubelet's pods, static ones included (with their own UIDs, not those of their mirrors).
// Their statuses are the kubelet's newest.
type PodLookup interface {
	Pods() []*v1.Pod
	Pod(namespace, name string) (*v1.Pod, bool)
}

// Options are what a server serves and to whom.
type Options struct {
	NodeName string
	Pods     PodLookup
	Runtime  internalapi.RuntimeService
	Images   internalapi.ImageManagerService
	RootDir  string // on the node's file system, for /stats/summary
	LogDir   string // below it /logs/ serves; "": refused

	Authenticator authenticator.Request // nil: everybody is anonymous
	Authorizer    authorizer.Authorizer // nil: everything is allowed
	TLS           *tls.Config           // the server's certificate; clients are asked for theirs
	Healthy       func() error          // nil: always
	Metrics       http.Handler          // /metrics; nil: refused
}

// Server is the kubelet's HTTPS server.
type Server struct {
	o       Options
	started time.Time
	cpu     cpuRates
}

// New returns a server.
func New(o Options) *Server { return &Server{o: o, started: time.Now()} }

// Handler is what the server serves, authentication and authorization included.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /healthz/", s.healthz)
	mux.HandleFunc("GET /pods", s.pods)
	mux.HandleFunc("GET /pods/", s.pods)
	mux.HandleFunc("GET /stats/summary", s.summary)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.containerLogs)
	for _, method := range []string{http.MethodGet, http.MethodPost} { // WebSockets begin with GET, SPDY with POST
		for _, pod := range []string{"/{namespace}/{pod}", "/{namespace}/{pod}/{uid}"} {
			mux.HandleFunc(method+" /exec"+pod+"/{container}", s.exec)
			mux.HandleFunc(method+" /attach"+pod+"/{container}", s.attach)
			mux.HandleFunc(method+" /portForward"+pod, s.portForward)
		}
	}
	mux.HandleFunc("POST /run/{namespace}/{pod}/{container}", s.run)
	mux.HandleFunc("POST /run/{namespace}/{pod}/{uid}/{container}", s.run)
	if s.o.Metrics != nil {
		mux.Handle("GET /metrics", s.o.Metrics)
	}
	if s.o.LogDir != "" {
		mux.HandleFunc("GET /logs/", s.nodeLogs)
	}
	return s.guard(mux)
}

// Serve serves on a listener by TLS until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	config := s.o.TLS.Clone()
	if config.ClientAuth == tls.NoClientCert {
		config.ClientAuth = tls.RequestClientCert // whose it is, the authenticator finds out
	}
	config.NextProtos = []string{"http/1.1"} // connections that are upgraded can't be of HTTP/2
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: time.Minute, IdleTimeout: 90 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(tls.NewListener(l, config)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.o.Healthy != nil {
		if err := s.o.Healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprint(w, "ok")
}

func (s *Server) pods(w http.ResponseWriter, r *http.Request) {
	list := &v1.PodList{}
	list.APIVersion, list.Kind = "v1", "PodList"
	for _, pod := range s.o.Pods.Pods() {
		list.Items = append(list.Items, *pod)
	}
	answer(w, r, list)
}

// answer writes an object as JSON.
func answer(w http.ResponseWriter, r *http.Request, object any) {
	data, err := json.Marshal(object)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(data); err != nil {
		klog.FromContext(r.Context()).V(4).Info("Answer not written", "path", r.URL.Path, "err", err)
	}
}
