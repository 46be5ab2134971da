package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// health answers /health, /livez and /readyz and counts the answers.
type health struct {
	Options
	success, failures prometheus.Counter
	result            *prometheus.GaugeVec
	total             *prometheus.CounterVec
}

// newHealth makes the counters under etcd's names.
func newHealth(o Options) (*health, error) {
	h := &health{
		Options:  o,
		success:  prometheus.NewCounter(prometheus.CounterOpts{Name: "etcd_server_health_success", Help: "The total number of successful health checks"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "etcd_server_health_failures", Help: "The total number of failed health checks"}),
		result: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "etcd_server_healthcheck", Help: "The result of each kind of healthcheck."}, []string{"type", "name"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "etcd_server_healthchecks_total", Help: "The total number of each kind of healthcheck."}, []string{"type", "name", "status"}),
	}
	if o.Registerer == nil {
		return h, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{h.success, h.failures, h.result, h.total} {
		errs = append(errs, o.Registerer.Register(c))
	}
	return h, errors.Join(errs...)
}

// install adds the three endpoints and those below them.
func (h *health) install(mux *http.ServeMux) {
	mux.HandleFunc("/health", getOnly(h.serveHealth))
	h.installChecks(mux, "livez", []check{
		{name: "serializable_read", run: h.read(true)},
	})
	h.installChecks(mux, "readyz", []check{
		{name: "data_corruption", run: h.noAlarm(pb.AlarmType_CORRUPT)},
		{name: "serializable_read", run: h.read(true)},
		{name: "linearizable_read", run: h.read(false)},
		{name: "non_learner", run: h.voter},
		{name: "state_disk", run: h.disk, own: true},
	})
}

// healthBody is the answer of /health.
type healthBody struct {
	Health string `json:"health"`
	Reason string `json:"reason"`
}

// serveHealth tells whether the cluster serves: no alarm that is not excluded,
// a leader, and a read that works. With ?serializable=true it tells so of this
// member alone.
func (h *health) serveHealth(w http.ResponseWriter, r *http.Request) {
	reason := h.reason(r)
	body := healthBody{Health: "true", Reason: reason}
	if reason != "" {
		body.Health = "false"
	}
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if reason != "" {
		h.failures.Inc()
		h.Logger.Warn("/health error", "output", string(data), "status-code", http.StatusServiceUnavailable)
		http.Error(w, string(data), http.StatusServiceUnavailable)
		return
	}
	h.success.Inc()
	_, _ = w.Write(data) // a client that left gets no answer
}

// reason is why the member is not healthy, or empty.
func (h *health) reason(r *http.Request) string {
	excluded := querySet(r, "exclude")
	for _, a := range h.Member.Alarms() {
		if excluded[a.GetAlarm().String()] {
			continue
		}
		switch a.GetAlarm() {
		case pb.AlarmType_NOSPACE:
			return "ALARM NOSPACE"
		case pb.AlarmType_CORRUPT:
			return "ALARM CORRUPT"
		default:
			return "ALARM UNKNOWN"
		}
	}
	local := r.URL.Query().Get("serializable") == "true"
	if !local && !h.Member.HasLeader() {
		return "RAFT NO LEADER"
	}
	if err := h.read(local)(r.Context()); err != nil {
		return "RANGE ERROR:" + err.Error()
	}
	return ""
}

// read is a check that a read works, within the request timeout.
func (h *health) read(local bool) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, h.RequestTimeout)
		defer cancel()
		return h.Member.Read(ctx, local)
	}
}
