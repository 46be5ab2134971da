package lessor

import "github.com/prometheus/client_golang/prometheus"

// metrics are about leases, under etcd's names. Grants and revocations count where they are applied, so on every member;
// renewals and expiries on the leader alone.
type metrics struct {
	granted, revoked, renewed, expired prometheus.Counter
	ttl                                prometheus.Histogram
}

// newMetrics makes the metrics and registers them; a nil registerer keeps them private.
func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(subsystem, name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "etcd_debugging", Subsystem: subsystem, Name: name, Help: help})
	}
	m := &metrics{
		granted: counter("lease", "granted_total", "The total number of granted leases."),
		revoked: counter("lease", "revoked_total", "The total number of revoked leases, expired ones included."),
		renewed: counter("lease", "renewed_total", "The number of renewed leases seen by the leader."),
		expired: counter("server", "lease_expired_total", "The total number of leases that this member, leading, ended because their time was over."),
		ttl: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "etcd_debugging_lease_ttl_total", Help: "Bucketed histogram of lease TTLs.", Buckets: prometheus.ExponentialBuckets(1, 2, 24),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.granted, m.revoked, m.renewed, m.expired, m.ttl)
	}
	return m
}
