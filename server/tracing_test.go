package server_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
)

// spanCollector is an OpenTelemetry collector.
type spanCollector struct {
	collector.UnimplementedTraceServiceServer

	mu       sync.Mutex
	spans    map[string]*tracepb.Span
	resource map[string]string
}

// Export takes spans.
func (c *spanCollector) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range r.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			c.resource[a.Key] = a.Value.GetStringValue()
		}
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				c.spans[s.Name] = s
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// startCollector serves one.
func startCollector(t *testing.T) (*spanCollector, string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c, s := &spanCollector{spans: map[string]*tracepb.Span{}, resource: map[string]string{}}, grpc.NewServer()
	collector.RegisterTraceServiceServer(s, c)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return c, l.Addr().String()
}

// traced are the flags of tracing.
func traced(address string, rate int) servertest.Option {
	return servertest.WithConfig(func(c *config.Config) {
		c.Tracing = config.Tracing{Enabled: true, Address: address, ServiceName: "test", InstanceID: "m", SamplingRate: rate}
	})
}

// TestTraces makes requests of a member that samples all of them: a collector gets etcd's spans, each within its call's.
func TestTraces(t *testing.T) {
	c, address := startCollector(t)
	cluster := servertest.Start(t, 1, traced(address, 1_000_000))
	client := cluster.Client()
	_, err := client.Put(t.Context(), "key", "canary-value")
	require.NoError(t, err)
	_, err = client.Get(t.Context(), "a\xff", clientv3.WithLimit(7))
	require.NoError(t, err)
	_, err = client.Txn(t.Context()).Then(clientv3.OpDelete("key")).Commit()
	require.NoError(t, err)
	cluster.Members[0].Stop() // sends what is queued

	c.mu.Lock()
	defer c.mu.Unlock()
	require.Equal(t, map[string]string{"service.name": "test", "service.instance.id": "m"}, c.resource)
	for child, call := range map[string]string{"put": "Put", "range": "Range", "txn": "Txn"} {
		outer, inner := c.spans["etcdserverpb.KV/"+call], c.spans[child]
		require.NotNil(t, outer, call)
		require.NotNil(t, inner, child)
		require.Equal(t, outer.SpanId, inner.ParentSpanId)
		require.NotContains(t, inner.String(), "canary")
	}
	about := map[string]string{}
	for _, a := range c.spans["range"].Attributes {
		about[a.Key] = a.Value.String()
	}
	require.Contains(t, about["limit"], "7")
	require.Contains(t, about["range_begin"], "a\uFFFD")
}

// TestTracingCostsNoRequest samples nothing, and then everything while the collector is away: requests go on.
func TestTracingCostsNoRequest(t *testing.T) {
	c, address := startCollector(t)
	unsampled := servertest.Start(t, 1, traced(address, 0))
	_, err := unsampled.Client().Put(t.Context(), "key", "value")
	require.NoError(t, err)
	unsampled.Members[0].Stop()
	c.mu.Lock()
	require.Empty(t, c.spans)
	c.mu.Unlock()

	away := servertest.Start(t, 1, traced("127.0.0.1:1", 1_000_000))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 100 {
		_, err := away.Client().Put(ctx, "key", "value")
		require.NoError(t, err)
	}
}
