package storage

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// renamed shows a counter under the name that it had in older releases of etcd. It costs nothing until it is scraped.
type renamed struct {
	desc *prometheus.Desc
	of   prometheus.Counter
}

// formerName shows c as name, too.
func formerName(name, help string, c prometheus.Counter) prometheus.Collector {
	return renamed{prometheus.NewDesc(name, help, nil, nil), c}
}

// Describe is prometheus.Collector's.
func (r renamed) Describe(ch chan<- *prometheus.Desc) { ch <- r.desc }

// Collect is prometheus.Collector's.
func (r renamed) Collect(ch chan<- prometheus.Metric) {
	var m dto.Metric
	if err := r.of.Write(&m); err != nil {
		ch <- prometheus.NewInvalidMetric(r.desc, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(r.desc, prometheus.CounterValue, m.GetCounter().GetValue())
}
