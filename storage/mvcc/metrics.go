package mvcc

import "github.com/prometheus/client_golang/prometheus"

// CompactionMetrics is what removing compacted history tells, under etcd's
// names. It outlives the store that a snapshot replaces.
type CompactionMetrics struct {
	pause, total prometheus.Histogram
	keys         prometheus.Counter
	last         prometheus.Gauge
}

// NewCompactionMetrics returns metrics that nobody has registered yet.
func NewCompactionMetrics() *CompactionMetrics {
	histogram := func(name, help string, start float64, n int) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "etcd_debugging", Subsystem: "mvcc", Name: name, Help: help,
			Buckets: prometheus.ExponentialBuckets(start, 2, n),
		})
	}
	return &CompactionMetrics{
		pause: histogram("db_compaction_pause_duration_milliseconds",
			"Bucketed histogram of the time that one batch of a compaction takes.", 1, 13),
		total: histogram("db_compaction_total_duration_milliseconds",
			"Bucketed histogram of the time that a compaction takes, its pauses included.", 100, 14),
		keys: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "etcd_debugging", Subsystem: "mvcc", Name: "db_compaction_keys_total",
			Help: "Total number of versions that compactions have removed.",
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "etcd_debugging", Subsystem: "mvcc", Name: "db_compaction_last",
			Help: "The unix time of the last compaction that has ended; 0 if there was none.",
		}),
	}
}

// Collectors are what to register.
func (m *CompactionMetrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.pause, m.total, m.keys, m.last}
}
