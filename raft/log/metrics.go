package log

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have etcd's names and buckets, so that its dashboards and alerts work.
type metrics struct {
	fsyncSeconds prometheus.Histogram
	writeSeconds prometheus.Histogram
	writeBytes   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		fsyncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "etcd", Subsystem: "disk", Name: "wal_fsync_duration_seconds",
			Help:    "Time from handing a batch of entries to the log until it is synced.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		writeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "etcd", Subsystem: "disk", Name: "wal_write_duration_seconds",
			Help:    "Time to hand a batch of entries to the log, its sync not included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		writeBytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "etcd", Subsystem: "disk", Name: "wal_write_bytes_total",
			Help: "Bytes of entries written to the log since the start.",
		}),
	}
	if r == nil {
		return m, nil
	}
	if err := errors.Join(r.Register(m.fsyncSeconds), r.Register(m.writeSeconds), r.Register(m.writeBytes)); err != nil {
		return nil, fmt.Errorf("log: register metrics: %w", err)
	}
	return m, nil
}

// unregister takes the metrics out again, so that a log may be opened twice in one process.
func (m *metrics) unregister(r prometheus.Registerer) {
	if r != nil {
		r.Unregister(m.fsyncSeconds)
		r.Unregister(m.writeSeconds)
		r.Unregister(m.writeBytes)
	}
}
