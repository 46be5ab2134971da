package replica

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/membership"
)

// metrics are the replica's, by etcd's names; those of elections and commits are package raft's. Gauges of what is known
// anyway are read when they are scraped.
type metrics struct {
	pending atomic.Int64

	failed, slowReads, failedReads prometheus.Counter
	promoteSucceeded               prometheus.Counter
	promoteFailed                  *prometheus.CounterVec
	slowApplies                    prometheus.Counter
	commitSeconds                  prometheus.Histogram
	applySeconds                   *applyTimes
	installing                     prometheus.Gauge
}

func newMetrics(r *Replica, reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "etcd", Subsystem: "server", Name: name, Help: help})
		register(reg, c)
		return c
	}
	gauge := func(name, help string, f func() float64) {
		register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "etcd", Subsystem: "server", Name: name, Help: help}, f))
	}
	m := &metrics{
		failed:           counter("proposals_failed_total", "The total number of failed proposals seen."),
		slowReads:        counter("slow_read_indexes_total", "The total number of pending read indexes not in sync with leader's or timed out read index requests."),
		failedReads:      counter("read_indexes_failed_total", "The total number of failed read indexes seen."),
		slowApplies:      counter("slow_apply_total", "The total number of slow apply requests (likely overloaded from slow disk)."),
		promoteSucceeded: counter("learner_promote_successes", "The total number of successful learner promotions while this member is leader."),
		promoteFailed: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "etcd", Subsystem: "server", Name: "learner_promote_failures",
			Help: "The total number of failed learner promotions (likely learner not ready) while this member is leader."}, []string{"Reason"}),
	}
	register(reg, m.promoteFailed)
	m.commitSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "etcd", Subsystem: "disk", Name: "backend_commit_duration_seconds",
		Help: "Time to commit a batch of applied entries to the state. It is not synced: the log is what is durable.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)})
	register(reg, m.commitSeconds)
	m.applySeconds = newApplyTimes(reg)
	m.installing = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "etcd", Subsystem: "server", Name: "snapshot_apply_in_progress_total",
		Help: "1 if the server is applying the incoming snapshot. 0 if none."})
	register(reg, m.installing)
	register(reg, alarmsRaised{r})
	gauge("is_learner", "Whether or not this member is a learner. 1 if is, 0 otherwise.", func() float64 { return truth(r.cluster.IsLocalLearner()) })
	gauge("proposals_pending", "The current number of pending proposals to commit.", func() float64 { return float64(m.pending.Load()) })
	gauge("quota_backend_bytes", "Current backend storage quota size in bytes.", func() float64 { return float64(r.quota.max.Load()) })
	register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "etcd", Subsystem: "disk", Name: "state_healthy",
		Help: "Whether the disk under the state takes writes. 1 if it does, 0 while they fail or hang."}, func() float64 { return truth(r.store.Health() == nil) }))
	register(reg, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "etcd", Subsystem: "disk", Name: "state_stalls_total",
		Help: "The total number of times that an operation of the disk under the state was found to take more than five seconds."}, func() float64 { return float64(r.store.Stalls()) }))
	repairs := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "etcd", Subsystem: "server", Name: "repairs_total",
		Help: "How often a part of the data directory was found damaged and made anew from the other members, by this process' last start."}, []string{"part"})
	for _, p := range []part{theLog, theState} {
		repairs.WithLabelValues(string(p)).Add(float64(r.repaired[p]))
	}
	register(reg, repairs)
	gauge("proposals_applied_total", "The total number of consensus proposals applied.", func() float64 { return float64(r.applied.index.Load()) })

	id := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "etcd", Subsystem: "server", Name: "id",
		Help: "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID."}, []string{"server_id"})
	id.WithLabelValues(membership.IDString(r.cluster.LocalID())).Set(1)
	register(reg, id)
	register(reg, clusterVersion{r.cluster})
	return m
}

// register adds c to reg, if there is one.
func register(reg prometheus.Registerer, c prometheus.Collector) {
	if reg != nil {
		reg.MustRegister(c)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// clusterVersion is the gauge etcd_cluster_version: 1 for the version of now.
type clusterVersion struct{ c *membership.Cluster }

var clusterVersionDesc = prometheus.NewDesc("etcd_cluster_version", "Running version. 1 for 'cluster_version' label with current cluster version.",
	[]string{"cluster_version"}, nil)

// Describe is prometheus.Collector's.
func (clusterVersion) Describe(ch chan<- *prometheus.Desc) { ch <- clusterVersionDesc }

// Collect is prometheus.Collector's.
func (v clusterVersion) Collect(ch chan<- prometheus.Metric) {
	if version := v.c.Version(); version != nil {
		text := strconv.FormatInt(version.Major, 10) + "." + strconv.FormatInt(version.Minor, 10)
		ch <- prometheus.MustNewConstMetric(clusterVersionDesc, prometheus.GaugeValue, 1, text)
	}
}

// alarmsRaised is the gauge etcd_debugging_server_alarms: 1 for every alarm that is raised.
type alarmsRaised struct{ r *Replica }

var alarmsRaisedDesc = prometheus.NewDesc("etcd_debugging_server_alarms", "Alarms that are raised, by member and kind: 1 for each.",
	[]string{"server_id", "alarm_type"}, nil)

// Describe is prometheus.Collector's.
func (alarmsRaised) Describe(ch chan<- *prometheus.Desc) { ch <- alarmsRaisedDesc }

// Collect is prometheus.Collector's.
func (a alarmsRaised) Collect(ch chan<- prometheus.Metric) {
	for _, m := range a.r.Alarms(pb.AlarmType_NONE) {
		ch <- prometheus.MustNewConstMetric(alarmsRaisedDesc, prometheus.GaugeValue, 1, membership.IDString(m.GetMemberID()), m.GetAlarm().String())
	}
}
