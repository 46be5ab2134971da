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
	}
	return slices.Concat(own, s.hub.Collectors(), s.compaction.Collectors())
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
