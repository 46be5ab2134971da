package raft

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have etcd's names.
type metrics struct {
	hasLeader     prometheus.Gauge
	isLeader      prometheus.Gauge
	leaderChanges prometheus.Counter
	committed     prometheus.Gauge
	pending       prometheus.GaugeFunc
	stalls        prometheus.Counter
	lateBeats     prometheus.Counter
}

func newMetrics(r prometheus.Registerer, pending func() float64) (*metrics, error) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "etcd", Subsystem: "server", Name: name, Help: help}
	}
	m := &metrics{
		hasLeader: prometheus.NewGauge(prometheus.GaugeOpts(opts("has_leader",
			"Whether or not a leader exists. 1 is existence, 0 is not."))),
		isLeader: prometheus.NewGauge(prometheus.GaugeOpts(opts("is_leader",
			"Whether or not this member is a leader. 1 if is, 0 otherwise."))),
		leaderChanges: prometheus.NewCounter(prometheus.CounterOpts(opts("leader_changes_seen_total",
			"The number of leader changes seen."))),
		committed: prometheus.NewGauge(prometheus.GaugeOpts(opts("proposals_committed_total",
			"The total number of consensus proposals committed."))),
		pending: prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("proposals_queued",
			"The number of proposals that have not entered raft yet.")), pending),
		stalls: prometheus.NewCounter(prometheus.CounterOpts(opts("log_stalls_total",
			"The number of times an append to the log took longer than an election timeout."))),
		lateBeats: prometheus.NewCounter(prometheus.CounterOpts(opts("heartbeat_send_failures_total",
			"The number of heartbeats that this leader began more than one interval late: it got too little processor time."))),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range m.all() {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("raft: register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.hasLeader, m.isLeader, m.leaderChanges, m.committed, m.pending, m.stalls, m.lateBeats}
}

// unregister takes the metrics out again, so that a member may be restarted in one process.
func (m *metrics) unregister(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for _, c := range m.all() {
		r.Unregister(c)
	}
}
