package app

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/petcd/petcd/orchestrator/proxy/health"
)

// reporter measures what it passes on to the state of health. Names are upstream's.
type reporter struct {
	*health.State
	duration       prometheus.Histogram
	synced, queued prometheus.Gauge
	failures       prometheus.Counter
}

func newReporter(state *health.State) (*reporter, error) {
	r := &reporter{
		State: state,
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeproxy_sync_proxy_rules_duration_seconds", Help: "How long syncs took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}),
		synced: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeproxy_sync_proxy_rules_last_timestamp_seconds", Help: "When rules were last synced.",
		}),
		queued: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", Help: "When a sync was last asked for.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "kubeproxy_sync_proxy_rules_failures_total", Help: "Syncs that failed."}),
	}
	for _, c := range []prometheus.Collector{r.duration, r.synced, r.queued, r.failures} {
		if err := legacyregistry.Registerer().Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return r, nil
}

// Pending implements proxy.Reporter.
func (r *reporter) Pending() {
	r.queued.SetToCurrentTime()
	r.State.Pending()
}

// Synced implements proxy.Reporter.
func (r *reporter) Synced(took time.Duration) {
	r.duration.Observe(took.Seconds())
	r.synced.SetToCurrentTime()
	r.State.Synced(took)
}

// Failed implements proxy.Reporter.
func (r *reporter) Failed(took time.Duration) {
	r.failures.Inc()
	r.State.Failed(took)
}
