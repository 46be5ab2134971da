package app

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
)

// readiness tells whether questions shall come here: from when the caches are filled until this process is told to end.
type readiness struct {
	synced func() bool
	ending atomic.Bool
}

// check says why not.
func (r *readiness) check() error {
	switch {
	case r.ending.Load():
		return errors.New("ending")
	case !r.synced():
		return errors.New("the caches are not filled")
	}
	return nil
}

// pages are the HTTP ports.
type pages struct{ servers []*http.Server }

// pages opens the ports that are wanted.
func (o *Options) pages(ready *readiness, registry *prometheus.Registry) (*pages, error) {
	p := &pages{}
	for _, page := range []struct {
		port    int
		path    string
		handler http.Handler
	}{
		{o.HealthPort, "/health", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })},
		{o.ReadyPort, "/ready", http.HandlerFunc(ready.serve)},
		{o.MetricsPort, "/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{})},
	} {
		if page.port == 0 {
			continue
		}
		listener, err := net.Listen("tcp", o.at(page.port))
		if err != nil {
			p.stop()
			return nil, fmt.Errorf("cluster-dns: %s: %w", page.path, err)
		}
		mux := http.NewServeMux()
		mux.Handle(page.path, page.handler)
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		p.servers = append(p.servers, server)
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				klog.ErrorS(err, "Serving ended", "path", page.path)
			}
		}()
	}
	return p, nil
}

func (p *pages) stop() {
	for _, s := range p.servers {
		s.Close()
	}
}

func (r *readiness) serve(w http.ResponseWriter, _ *http.Request) {
	if err := r.check(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprint(w, "OK")
}
