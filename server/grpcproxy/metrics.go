package grpcproxy

import "github.com/prometheus/client_golang/prometheus"

// metrics count what sharing saves, under the names of etcd's proxy.
type metrics struct {
	watchersCoalesced prometheus.Counter
	eventsCoalesced   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		watchersCoalesced: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "etcd", Subsystem: "grpc_proxy", Name: "watchers_coalescing_total",
			Help: "Watches that joined a watch of the cluster that was there already.",
		}),
		eventsCoalesced: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "etcd", Subsystem: "grpc_proxy", Name: "events_coalescing_total",
			Help: "Events that came once from the cluster and went to one more watch.",
		}),
	}
	for _, c := range []prometheus.Collector{m.watchersCoalesced, m.eventsCoalesced} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
