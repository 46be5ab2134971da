package dns

import (
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what is asked and answered.
type Metrics struct {
	requests  *prometheus.CounterVec
	durations prometheus.Histogram
}

// NewMetrics registers them.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cluster_dns_requests_total", Help: "Questions, by protocol, type and what became of them.",
		}, []string{"proto", "type", "rcode"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cluster_dns_request_duration_seconds", Help: "How long answers took.", Buckets: prometheus.ExponentialBuckets(0.00001, 4, 11),
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.durations} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// counted are the types that have a series of their own: a client must not be able to make any number of them.
var counted = map[uint16]bool{
	dns.TypeA: true, dns.TypeAAAA: true, dns.TypeSRV: true, dns.TypePTR: true, dns.TypeCNAME: true, dns.TypeTXT: true,
	dns.TypeSOA: true, dns.TypeNS: true, dns.TypeMX: true, dns.TypeHTTPS: true, dns.TypeANY: true,
}

func (m *Metrics) answered(network string, req, reply *dns.Msg, took time.Duration) {
	qtype := "other"
	if len(req.Question) == 1 && counted[req.Question[0].Qtype] {
		qtype = dns.TypeToString[req.Question[0].Qtype]
	}
	rcode, ok := dns.RcodeToString[reply.Rcode]
	if !ok {
		rcode = "other"
	}
	m.requests.WithLabelValues(network, qtype, rcode).Inc()
	m.durations.Observe(took.Seconds())
}
