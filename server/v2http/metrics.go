package v2http

import "github.com/prometheus/client_golang/prometheus"

// metrics have the names that etcd has for API 2.
type metrics struct {
	received *prometheus.CounterVec
	failed   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// newMetrics makes the counters and registers them, if there is where.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "etcd", Subsystem: "http", Name: name, Help: help}
	}
	m := &metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts(opts("received_total",
			"Requests for keys by API 2 that were understood and allowed, without watches, by method.")), []string{"method"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts(opts("failed_total",
			"Requests for keys by API 2 that were refused or failed, by method and status.")), []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "etcd", Subsystem: "http", Name: "successful_duration_seconds",
			Help:    "How long requests for keys by API 2 took that were answered, by method.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 13),
		}, []string{"method"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.received, m.failed, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
