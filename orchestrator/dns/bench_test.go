package dns

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// benched is a handler that knows 10,000 Services.
func benched(b *testing.B) (*Handler, func(i int) *dns.Msg) {
	index := NewIndex(1)
	index.setNamespace("shop", true)
	ip := netip.MustParseAddr("10.96.0.1")
	for i := range 10_000 {
		name := fmt.Sprint("s", i)
		index.setService(serviceKey{"shop", name}, newService(clusterService(name, ip.String()), nil))
		ip = ip.Next()
	}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	require.NoError(b, err)
	h := &Handler{
		Zone: &Zone{Name: "cluster.local.", Index: index, TTL: 30, NegativeTTL: 5}, Forward: NewForwarder(nil),
		Synced: func() bool { return true }, Metrics: metrics,
	}
	return h, func(i int) *dns.Msg {
		return new(dns.Msg).SetQuestion(fmt.Sprintf("s%d.shop.svc.cluster.local.", i%10_000), dns.TypeA)
	}
}

// BenchmarkRespond is the work of one answer without the network.
func BenchmarkRespond(b *testing.B) {
	h, question := benched(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if m := h.respond(b.Context(), question(i), "udp"); len(m.Answer) != 1 {
			b.Fatal(m)
		}
	}
}

// BenchmarkUDP asks by loopback, from several sockets at a time; the clients are in the same process.
func BenchmarkUDP(b *testing.B) {
	h, question := benched(b)
	s, err := Listen("127.0.0.1:0", h)
	require.NoError(b, err)
	s.Start()
	defer s.Stop()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		c, err := dns.Dial("udp", s.Addr())
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		for i := 0; pb.Next(); i++ {
			if err := c.WriteMsg(question(i)); err != nil {
				b.Error(err)
				return
			}
			if m, err := c.ReadMsg(); err != nil || len(m.Answer) != 1 {
				b.Error(m, err)
				return
			}
		}
	})
}
