package v2store

import "github.com/prometheus/client_golang/prometheus"

// metrics shows Counters under etcd's names. It costs nothing until it is
// scraped.
type metrics struct {
	counters *Counters
	watchers func() int

	reads, readsFailed, writes, writesFailed, expires, watches, watching *prometheus.Desc
}

// Collector returns the metrics of counters; watchers is the number of those
// that wait now.
func (c *Counters) Collector(watchers func() int) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("etcd_debugging_store_"+name, help, labels, nil)
	}
	return &metrics{
		counters: c, watchers: watchers,
		reads:        desc("reads_total", "Reads of the v2 tree on this member.", "action"),
		readsFailed:  desc("reads_failed_total", "Reads of the v2 tree on this member that were refused.", "action"),
		writes:       desc("writes_total", "Changes of the v2 tree seen by this member, refused ones included.", "action"),
		writesFailed: desc("writes_failed_total", "Changes of the v2 tree seen by this member that were refused.", "action"),
		expires:      desc("expires_total", "Keys of the v2 tree that have expired."),
		watches:      desc("watch_requests_total", "Watches of the v2 tree that were asked for."),
		watching:     desc("watchers", "Watchers of the v2 tree that wait now."),
	}
}

// Describe is prometheus.Collector's.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.reads, m.readsFailed, m.writes, m.writesFailed, m.expires, m.watches, m.watching} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	c := m.counters
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(m.reads, c.get.total(), "get")
	count(m.readsFailed, c.get.refused.Load(), "get")
	count(m.reads, c.getRecursive.total(), "getRecursive")
	count(m.readsFailed, c.getRecursive.refused.Load(), "getRecursive")
	for _, a := range []Action{Create, Set, Update, Delete, CompareAndSwap, CompareAndDelete} {
		count(m.writes, c.write(a).total(), string(a))
		count(m.writesFailed, c.write(a).refused.Load(), string(a))
	}
	count(m.expires, c.expired.Load())
	count(m.watches, c.watches.Load())
	ch <- prometheus.MustNewConstMetric(m.watching, prometheus.GaugeValue, float64(m.watchers()))
}
