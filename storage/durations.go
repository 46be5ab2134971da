package storage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// durations are how long the store's rare and long operations take.
type durations struct {
	hash, hashKV, snapshot, stage prometheus.Histogram
}

// newDurations returns histograms with etcd's names and buckets.
func newDurations() durations {
	histogram := func(name, help string, buckets int) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(.01, 2, buckets)})
	}
	return durations{
		hash:   histogram("etcd_mvcc_hash_duration_seconds", "Time to hash the whole state (Maintenance.Hash).", 15),
		hashKV: histogram("etcd_mvcc_hash_rev_duration_seconds", "Time to hash the keys up to a revision (HashKV).", 15),
		snapshot: histogram("etcd_disk_backend_snapshot_duration_seconds",
			"Time from taking a snapshot, for a client or for a member that is far behind, until it was sent or given up.", 17),
		stage: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "etcd_snap_db_save_total_duration_seconds",
			Help:    "Time to receive, verify and sync a snapshot from the leader.",
			Buckets: prometheus.ExponentialBuckets(.1, 2, 10),
		}),
	}
}

// observeSince observes what has passed since began.
func observeSince(h prometheus.Histogram, began time.Time) { h.Observe(time.Since(began).Seconds()) }

// collectors lists the histograms.
func (d durations) collectors() []prometheus.Collector {
	return []prometheus.Collector{d.hash, d.hashKV, d.snapshot, d.stage}
}
