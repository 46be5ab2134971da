package grpcproxy

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	healthTimeout = time.Second
	watchTimeout  = 3 * time.Second
)

// health is the body of both health pages.
type health struct {
	Health string `json:"health"`
	Reason string `json:"reason"`
}

// Handler serves the proxy's pages: the cluster's and its own health, its
// metrics, and profiles if wanted.
func (p *Proxy) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) { answerHealth(w, r, p.clusterHealth(r.Context())) })
	mux.HandleFunc("/proxy/health", func(w http.ResponseWriter, r *http.Request) { answerHealth(w, r, p.ownHealth(r.Context())) })
	mux.Handle("/proxy/metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	mux.Handle("/metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	if p.o.EnablePprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func answerHealth(w http.ResponseWriter, r *http.Request, h health) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if h.Health != "true" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h) // the client is gone
}

// clusterHealth asks for a key that need not be there. Who may not read it has
// an answer, too.
func (p *Proxy) clusterHealth(ctx context.Context) health {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if _, err := p.client.Get(ctx, "a"); err != nil && !errors.Is(err, rpctypes.ErrPermissionDenied) {
		return health{"false", "GET ERROR:" + err.Error()}
	}
	return health{Health: "true"}
}

// ownHealth adds whether watches begin.
func (p *Proxy) ownHealth(ctx context.Context) health {
	h := p.clusterHealth(ctx)
	if h.Health != "true" {
		return h
	}
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	select {
	case <-p.client.Watch(ctx, "a", clientv3.WithCreatedNotify()):
		return h
	case <-ctx.Done():
		return health{"false", "WATCH TIMEOUT"}
	}
}
