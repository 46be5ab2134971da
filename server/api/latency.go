package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// latency observes how long one kind of request takes, apart by outcome.
type latency struct{ ok, failed prometheus.Observer }

// observe counts a request that began at start.
func (l latency) observe(start time.Time, err error) {
	o := l.ok
	if err != nil {
		o = l.failed
	}
	o.Observe(time.Since(start).Seconds())
}

// requestLatencies are the kinds that etcd tells apart. Requests that are
// refused for their shape are in none.
type requestLatencies struct {
	rangeRead, put, deleteRange, txn, readOnlyTxn, compaction latency
	leaseGrant, leaseRevoke, alarm                            latency
	auth                                                      map[string]latency
}

// authKinds are the requests of the Auth service.
var authKinds = []string{
	"Authenticate", "AuthEnable", "AuthDisable", "AuthStatus",
	"AuthUserAdd", "AuthUserGet", "AuthUserList", "AuthUserDelete", "AuthUserChangePassword", "AuthUserGrantRole", "AuthUserRevokeRole",
	"AuthRoleAdd", "AuthRoleGet", "AuthRoleList", "AuthRoleDelete", "AuthRoleGrantPermission", "AuthRoleRevokePermission",
}

// newLatencyVec is etcd's histogram of requests.
func newLatencyVec() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "etcd_server_request_duration_seconds",
		Help:    "Response latency distribution in seconds for each type.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	}, []string{"type", "success"})
}

// newRequestLatencies looks up the series of every kind once.
func newRequestLatencies(v *prometheus.HistogramVec) requestLatencies {
	kind := func(name string) latency {
		return latency{ok: v.WithLabelValues(name, "true"), failed: v.WithLabelValues(name, "false")}
	}
	auth := map[string]latency{}
	for _, name := range authKinds {
		auth[name] = kind(name)
	}
	return requestLatencies{
		auth:        auth,
		rangeRead:   kind("Range"),
		put:         kind("Put"),
		deleteRange: kind("DeleteRange"),
		txn:         kind("Txn"),
		readOnlyTxn: kind("ReadonlyTxn"),
		compaction:  kind("Compaction"),
		leaseGrant:  kind("LeaseGrant"),
		leaseRevoke: kind("LeaseRevoke"),
		alarm:       kind("Alarm"),
	}
}

// newRangeSeconds is etcd's histogram of reading alone.
func newRangeSeconds() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "etcd_server_range_duration_seconds",
		Help:    "Time to read a range from the state, without the wait for a linearizable read's barrier.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 20),
	}, []string{"success"})
}

// newDefragmentMetrics are etcd's metrics of defragmentations.
func newDefragmentMetrics() (prometheus.Histogram, prometheus.Gauge) {
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_disk_backend_defrag_duration_seconds",
		Help:    "The latency distribution of backend defragmentation.",
		Buckets: prometheus.ExponentialBuckets(.1, 2, 13),
	})
	inflight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "etcd_disk_defrag_inflight",
		Help: "Whether or not defrag is active on the member. 1 means active, 0 means not.",
	})
	return seconds, inflight
}
