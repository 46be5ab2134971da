package httpapi

import (
	"context"
	"encoding/json"
	"expvar"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"path"
	"strings"
	"time"

	"github.com/coreos/go-semver/semver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	etcdversion "go.etcd.io/etcd/api/v3/version"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/version"
)

// Member is what the handlers ask of the member.
type Member interface {
	// HasLeader reports whether a leader is known.
	HasLeader() bool
	// IsLearner reports whether the member has no vote.
	IsLearner() bool
	// Alarms lists the alarms that are raised.
	Alarms() []*pb.AlarmMember
	// Read reads one key, linearizably unless local is set.
	Read(ctx context.Context, local bool) error
	// ClusterVersion is nil until it was decided.
	ClusterVersion() *semver.Version
	// DiskHealth is why the disk under the state cannot be relied on now, nil while it can.
	DiskHealth() error
}

// Options are what the handlers are made of.
type Options struct {
	Member Member
	Logger *slog.Logger
	// Gatherer is what /metrics shows, Registerer where the health counters
	// go; either may be nil.
	Gatherer   prometheus.Gatherer
	Registerer prometheus.Registerer
	// RequestTimeout bounds a health check.
	RequestTimeout time.Duration
	EnablePprof    bool
	// Expensive shows the most expensive requests; nil when they are not kept.
	Expensive    http.Handler
	FeatureGates config.FeatureGates // shown in the metrics

	// Gateway serves /v3/; nil when it is switched off.
	Gateway http.Handler
	// V2 serves /v2 and all below it; nil when it is switched off.
	V2 http.Handler
	// CORS and HostWhitelist are what the flags of these names allow.
	CORS, HostWhitelist []string
	// CertificateUser reports whether authentication is on and takes users from
	// clients' certificates; nil means that it never does.
	CertificateUser func() bool
}

// Handlers makes the handlers of a member's ports.
type Handlers struct {
	o      Options
	health *health
	// metrics answers /metrics; nil when there is nothing to show.
	metrics http.Handler
}

// New registers the health counters and prepares the handlers.
func New(o Options) (*Handlers, error) {
	h, err := newHealth(o)
	if err != nil {
		return nil, err
	}
	if o.Registerer != nil {
		if err := registerInfo(o); err != nil {
			return nil, err
		}
	}
	return &Handlers{o: o, health: h, metrics: metricsHandler(o)}, nil
}

// Client is the handler of the client port: everything, behind the access
// control.
func (h *Handlers) Client() http.Handler {
	mux := http.NewServeMux()
	h.health.install(mux)
	h.installMetrics(mux)
	mux.HandleFunc("/version", h.serveVersion)
	mux.HandleFunc("/debug/vars", getOnly(expvar.Handler().ServeHTTP))
	if h.o.EnablePprof {
		installPprof(mux)
	}
	if h.o.Expensive != nil {
		mux.HandleFunc("/debug/requests/expensive", getOnly(h.o.Expensive.ServeHTTP))
	}
	if h.o.Gateway != nil {
		mux.Handle("/v3/", h.o.Gateway)
	}
	a := &access{next: withV2(h.o.V2, mux), hosts: newAllowList(h.o.HostWhitelist), origins: newAllowList(h.o.CORS), certificateUser: h.o.CertificateUser, logger: h.o.Logger}
	if h.o.Gateway == nil || a.certificateUser == nil {
		a.certificateUser = func() bool { return false }
	}
	return a
}

// withV2 lets API 2 answer below /v2 before any other handler: it has rules of its own for paths that are not clean.
func withV2(v2, next http.Handler) http.Handler {
	if v2 == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := path.Clean(r.URL.Path); p == "/v2" || strings.HasPrefix(p, "/v2/") {
			v2.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Metrics is the handler of the ports of --listen-metrics-urls.
func (h *Handlers) Metrics() http.Handler {
	mux := http.NewServeMux()
	h.health.install(mux)
	h.installMetrics(mux)
	return mux
}

// metricsHandler shows the metrics, and counts how often it was asked to.
func metricsHandler(o Options) http.Handler {
	if o.Gatherer == nil {
		return nil
	}
	show := promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{})
	if o.Registerer == nil {
		return show
	}
	return promhttp.InstrumentMetricHandler(o.Registerer, show)
}

// installMetrics adds /metrics if there is something to show.
func (h *Handlers) installMetrics(mux *http.ServeMux) {
	if h.metrics != nil {
		mux.Handle("/metrics", h.metrics)
	}
}

// serveVersion answers with the versions of server, cluster and storage.
func (h *Handlers) serveVersion(w http.ResponseWriter, r *http.Request) {
	getOnly(func(w http.ResponseWriter, _ *http.Request) {
		v := etcdversion.Versions{Server: version.Etcd, Cluster: "not_decided", Storage: version.Storage}
		if cv := h.o.Member.ClusterVersion(); cv != nil {
			v.Cluster = cv.String()
		}
		data, err := json.Marshal(v)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data) // a client that left gets no answer
	})(w, r)
}

// installPprof adds the profiles of the runtime.
func installPprof(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}

// getOnly refuses other methods than GET as etcd does.
func getOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	}
}
