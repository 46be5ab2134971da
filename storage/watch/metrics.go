package watch

import "github.com/prometheus/client_golang/prometheus"

// metrics carries etcd's names for what it means here.
type metrics struct {
	streams, watchers, slow prometheus.Gauge
	events                  prometheus.Counter
}

// newMetrics returns metrics that nobody has registered yet.
func newMetrics() *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "etcd_debugging", Subsystem: "mvcc", Name: name, Help: help,
		})
	}
	return &metrics{
		streams:  gauge("watch_stream_total", "Total number of watch streams."),
		watchers: gauge("watcher_total", "Total number of watchers."),
		slow:     gauge("slow_watcher_total", "Total number of watchers that read history because the recent events have passed them."),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "etcd_debugging", Subsystem: "mvcc", Name: "events_total",
			Help: "Total number of events published by this member.",
		}),
	}
}

// Collectors are what to register.
func (h *Hub) Collectors() []prometheus.Collector {
	m := h.metrics
	return []prometheus.Collector{m.streams, m.watchers, m.slow, m.events}
}
