package storage

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// collectors are the store's metrics, under etcd's names.
func (s *Store) collectors() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	own := []prometheus.Collector{
		gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes the state takes on disk.",
			func() float64 { total, _ := s.Size(); return float64(total) }),
		gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of the state that hold live data.",
			func() float64 { _, inUse := s.Size(); return float64(inUse) }),
		gauge("etcd_debugging_mvcc_current_revision", "The current revision of the store.",
			func() float64 { return float64(s.Revision()) }),
		gauge("etcd_debugging_mvcc_compact_revision", "The revision of the last compaction in the store.",
			func() float64 { return float64(s.CompactRevision()) }),
		gauge("etcd_debugging_mvcc_keys_total", "Number of live keys.",
			func() float64 { return float64(s.Keys()) }),
		gauge("etcd_mvcc_db_open_read_transactions", "Reads, hashes and snapshots that hold the state open now.",
			func() float64 { return float64(s.state.Load().readers()) }),
		gauge("etcd_debugging_mvcc_db_total_size_in_bytes", "Bytes the state takes on disk.",
			func() float64 { total, _ := s.Size(); return float64(total) }),
	}
	return slices.Concat(own, s.ops.collectors(), s.seconds.collectors(), s.hub.Collectors(), s.compaction.Collectors(),
		[]prometheus.Collector{s.v2counters.Collector(s.v2hub.Watchers)})
}

// register adds the metrics. A name that is taken is logged: metrics are no
// reason not to serve.
func (s *Store) register() {
	if s.o.Registerer == nil {
		return
	}
	s.metrics = s.collectors()
	for _, c := range s.metrics {
		if err := s.o.Registerer.Register(c); err != nil {
			s.o.Logger.Warn("registering a storage metric failed", "error", err)
		}
	}
}

// unregister removes the metrics, so that another store can be opened under
// the same Registerer.
func (s *Store) unregister() {
	for _, c := range s.metrics {
		s.o.Registerer.Unregister(c)
	}
}

// opCounters count what is asked of a store, as etcd counts it: calls, and a
// transaction when one entry makes more than one.
type opCounters struct {
	ranges, puts, deletes, txns prometheus.Counter
	putBytes                    prometheus.Gauge
}

// newOpCounters returns counters at zero.
func newOpCounters() opCounters {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "etcd", Subsystem: "mvcc", Name: name, Help: help})
	}
	return opCounters{
		ranges:  counter("range_total", "Number of ranges seen by this member."),
		puts:    counter("put_total", "Number of puts seen by this member."),
		deletes: counter("delete_total", "Number of deletes seen by this member."),
		txns:    counter("txn_total", "Number of transactions of several operations seen by this member."),
		putBytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "etcd_debugging", Subsystem: "mvcc", Name: "total_put_size_in_bytes",
			Help: "Bytes of keys and values put on this member.",
		}),
	}
}

// collectors lists the counters, and those of them that had another name up to etcd 3.4 under that name too.
func (c opCounters) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		c.ranges, c.puts, c.deletes, c.txns, c.putBytes,
		formerName("etcd_debugging_mvcc_range_total", "Number of ranges seen by this member.", c.ranges),
		formerName("etcd_debugging_mvcc_put_total", "Number of puts seen by this member.", c.puts),
		formerName("etcd_debugging_mvcc_delete_total", "Number of deletes seen by this member.", c.deletes),
		formerName("etcd_debugging_mvcc_txn_total", "Number of transactions of several operations seen by this member.", c.txns),
	}
}

// add counts the operations of one Tx.
func (c opCounters) add(t *Tx) {
	c.ranges.Add(float64(t.ranges))
	c.puts.Add(float64(t.puts))
	c.deletes.Add(float64(t.deletes))
	c.putBytes.Add(float64(t.putBytes))
	if t.ranges+t.puts+t.deletes > 1 {
		c.txns.Inc()
	}
}
