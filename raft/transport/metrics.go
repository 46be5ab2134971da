package transport

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics have etcd's names, labels and buckets.
type metrics struct {
	knownPeers        *prometheus.GaugeVec
	activePeers       *prometheus.GaugeVec
	disconnectedPeers *prometheus.CounterVec
	sentBytes         *prometheus.CounterVec
	receivedBytes     *prometheus.CounterVec
	sentFailures      *prometheus.CounterVec
	receivedFailures  *prometheus.CounterVec
	roundTrip         *prometheus.HistogramVec
	snapshotsSent     snapshotMetrics
	snapshotsReceived snapshotMetrics
}

// snapshotMetrics are the four of each direction.
type snapshotMetrics struct {
	success, failures *prometheus.CounterVec
	inflight          *prometheus.GaugeVec
	seconds           *prometheus.HistogramVec
}

func networkOpts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "etcd", Subsystem: "network", Name: name, Help: help}
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(networkOpts(name, help)), labels)
}

func gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts(networkOpts(name, help)), labels)
}

func histogramVec(name, help string, lowest float64, count int, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "etcd", Subsystem: "network", Name: name, Help: help,
		Buckets: prometheus.ExponentialBuckets(lowest, 2, count),
	}, []string{label})
}

// newMetrics makes the metrics and registers them. What is registered already, by a former transport of the same server,
// stays what it is: the transport works without being measured.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		knownPeers:        gaugeVec("known_peers", "The current number of known peers.", "Local", "Remote"),
		activePeers:       gaugeVec("active_peers", "The current number of active peer connections.", "Local", "Remote"),
		disconnectedPeers: counterVec("disconnected_peers_total", "The total number of disconnected peers.", "Local", "Remote"),
		sentBytes:         counterVec("peer_sent_bytes_total", "The total number of bytes sent to peers.", "To"),
		receivedBytes:     counterVec("peer_received_bytes_total", "The total number of bytes received from peers.", "From"),
		sentFailures:      counterVec("peer_sent_failures_total", "The total number of send failures from peers.", "To"),
		receivedFailures:  counterVec("peer_received_failures_total", "The total number of receive failures from peers.", "From"),
		roundTrip:         histogramVec("peer_round_trip_time_seconds", "Round-Trip-Time histogram between peers", 0.0001, 16, "To"),
		snapshotsSent: snapshotMetrics{
			success:  counterVec("snapshot_send_success", "Total number of successful snapshot sends", "To"),
			failures: counterVec("snapshot_send_failures", "Total number of snapshot send failures", "To"),
			inflight: gaugeVec("snapshot_send_inflights_total", "Total number of inflight snapshot sends", "To"),
			seconds:  histogramVec("snapshot_send_total_duration_seconds", "Total latency distributions of v3 snapshot sends", 0.1, 10, "To"),
		},
		snapshotsReceived: snapshotMetrics{
			success:  counterVec("snapshot_receive_success", "Total number of successful snapshot receives", "From"),
			failures: counterVec("snapshot_receive_failures", "Total number of snapshot receive failures", "From"),
			inflight: gaugeVec("snapshot_receive_inflights_total", "Total number of inflight snapshot receives", "From"),
			seconds: histogramVec("snapshot_receive_total_duration_seconds",
				"Total latency distributions of v3 snapshot receives", 0.1, 10, "From"),
		},
	}
	if r == nil {
		return m
	}
	s, v := m.snapshotsSent, m.snapshotsReceived
	for _, c := range []prometheus.Collector{
		m.knownPeers, m.activePeers, m.disconnectedPeers, m.sentBytes, m.receivedBytes, m.sentFailures, m.receivedFailures, m.roundTrip,
		s.success, s.failures, s.inflight, s.seconds, v.success, v.failures, v.inflight, v.seconds,
	} {
		_ = r.Register(c)
	}
	return m
}
