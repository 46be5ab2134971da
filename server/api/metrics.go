package api

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// codesMax is the number of gRPC status codes.
const codesMax = int(codes.Unauthenticated) + 1

// methodMetrics are one method's counters, looked up once at the start so that
// a call costs no label look-up.
type methodMetrics struct {
	started, received, sent prometheus.Counter

	handled [codesMax]prometheus.Counter
	seconds prometheus.Observer // nil unless --metrics=extensive
}

// done counts the end of a call.
func (m *methodMetrics) done(err error, took time.Duration) {
	code := codes.OK
	if err != nil {
		code = status.Code(err)
		if s := status.FromContextError(err); code == codes.Unknown && s.Code() != codes.Unknown {
			code = s.Code()
		}
	}
	if int(code) < codesMax {
		m.handled[code].Inc()
	}
	if m.seconds != nil {
		m.seconds.Observe(took.Seconds())
	}
}

// metrics are the services' metrics under etcd's names.
type metrics struct {
	methods map[string]*methodMetrics // by full method; fixed after register
	other   *methodMetrics            // methods that are not registered

	unaryClients, streamClients             *clientCounter
	sentBytes, receivedBytes                prometheus.Counter
	watchReceiveFailures, watchSendFailures prometheus.Counter
	leaseReceiveFailures, leaseSendFailures prometheus.Counter
	started, handled, msgReceived, msgSent  *prometheus.CounterVec
	seconds                                 *prometheus.HistogramVec
	requests                                requestLatencies
	ranges                                  latency
	watches                                 watchTimes
	defragments                             prometheus.Histogram
	defragmenting                           prometheus.Gauge
}

// newMetrics makes the metrics and registers them. A nil registerer keeps them
// private.
func newMetrics(reg prometheus.Registerer, extensive bool) (*metrics, error) {
	labels := []string{"grpc_type", "grpc_service", "grpc_method"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	failures := counter("etcd_network_server_stream_failures_total", "The total number of stream failures from the local server.", "Type", "API")
	clients := counter("etcd_server_client_requests_total", "The total number of client requests per client version.", "type", "client_api_version")
	m := &metrics{
		methods:     map[string]*methodMetrics{},
		started:     counter("grpc_server_started_total", "Total number of RPCs started on the server.", labels...),
		handled:     counter("grpc_server_handled_total", "Total number of RPCs completed on the server, regardless of success or failure.", append(labels, "grpc_code")...),
		msgReceived: counter("grpc_server_msg_received_total", "Total number of RPC stream messages received on the server.", labels...),
		msgSent:     counter("grpc_server_msg_sent_total", "Total number of gRPC stream messages sent by the server.", labels...),
		sentBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "etcd_network_client_grpc_sent_bytes_total", Help: "The total number of bytes sent to grpc clients."}),
		receivedBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "etcd_network_client_grpc_received_bytes_total", Help: "The total number of bytes received from grpc clients."}),
		unaryClients:         &clientCounter{vec: clients, kind: "unary"},
		streamClients:        &clientCounter{vec: clients, kind: "stream"},
		watchReceiveFailures: failures.WithLabelValues("receive", "watch"),
		watchSendFailures:    failures.WithLabelValues("send", "watch"),
		leaseReceiveFailures: failures.WithLabelValues("receive", "lease-keepalive"),
		leaseSendFailures:    failures.WithLabelValues("send", "lease-keepalive"),
	}
	latencies := newLatencyVec()
	m.requests = newRequestLatencies(latencies)
	ranges := newRangeSeconds()
	m.ranges = latency{ok: ranges.WithLabelValues("true"), failed: ranges.WithLabelValues("false")}
	m.watches = newWatchTimes()
	m.defragments, m.defragmenting = newDefragmentMetrics()
	all := []prometheus.Collector{latencies, ranges, m.defragments, m.defragmenting, m.started, m.handled, m.msgReceived, m.msgSent, m.sentBytes, m.receivedBytes, failures, clients}
	all = append(all, m.watches.collectors()...)
	if extensive {
		m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "grpc_server_handling_seconds",
			Help:    "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.",
			Buckets: prometheus.DefBuckets,
		}, labels)
		all = append(all, m.seconds)
	}
	m.other = m.newMethod(kindUnary, "unknown", "unknown")
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// The values of the label grpc_type.
const (
	kindUnary        = "unary"
	kindClientStream = "client_stream"
	kindServerStream = "server_stream"
	kindBidiStream   = "bidi_stream"
)

// addServices makes the counters of every registered method, at zero.
func (m *metrics) addServices(services map[string]grpc.ServiceInfo) {
	for service, info := range services {
		for _, method := range info.Methods {
			kind := kindUnary
			switch {
			case method.IsClientStream && method.IsServerStream:
				kind = kindBidiStream
			case method.IsClientStream:
				kind = kindClientStream
			case method.IsServerStream:
				kind = kindServerStream
			}
			m.methods["/"+service+"/"+method.Name] = m.newMethod(kind, service, method.Name)
		}
	}
}

// newMethod looks up one method's counters.
func (m *metrics) newMethod(kind, service, method string) *methodMetrics {
	mm := &methodMetrics{
		started:  m.started.WithLabelValues(kind, service, method),
		received: m.msgReceived.WithLabelValues(kind, service, method),
		sent:     m.msgSent.WithLabelValues(kind, service, method),
	}
	for code := range mm.handled {
		mm.handled[code] = m.handled.WithLabelValues(kind, service, method, codes.Code(code).String())
	}
	if m.seconds != nil {
		mm.seconds = m.seconds.WithLabelValues(kind, service, method)
	}
	return mm
}

// method finds a method's counters.
func (m *metrics) method(full string) *methodMetrics {
	if mm, ok := m.methods[full]; ok {
		return mm
	}
	return m.other
}

// clientVersionsMax bounds how many series a client can make by lying about
// its version; the rest count as "unknown".
const clientVersionsMax = 64

// clientCounter counts requests by the client's version.
type clientCounter struct {
	vec  *prometheus.CounterVec
	kind string

	// last spares the look-up: nearly all requests are of one version.
	last atomic.Pointer[clientVersion]

	mu   sync.Mutex
	seen map[string]*clientVersion
}

// clientVersion is the counter of one version.
type clientVersion struct {
	version string
	counter prometheus.Counter
}

// inc counts one request.
func (c *clientCounter) inc(version string) {
	v := c.last.Load()
	if v == nil || v.version != version {
		v = c.find(version)
		c.last.Store(v)
	}
	v.counter.Inc()
}

// find looks a version up, or makes it.
func (c *clientCounter) find(version string) *clientVersion {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.seen[version]; ok {
		return v
	}
	if c.seen == nil {
		c.seen = map[string]*clientVersion{}
	}
	label := strings.Clone(version)
	if len(c.seen) >= clientVersionsMax || len(label) > 64 {
		label = "unknown"
	}
	v := &clientVersion{version: label, counter: c.vec.WithLabelValues(c.kind, label)}
	if label == version {
		c.seen[label] = v
	}
	return v
}
