package dns

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// Whatever a packet holds that can be unpacked, there is an answer that can be packed and fits.
func FuzzRespond(f *testing.F) {
	for _, name := range []string{"web.shop.svc.cluster.local.", "db.shop.svc.cluster.local.", "7.0.96.10.in-addr.arpa.", "_http._tcp.web.shop.svc.cluster.local.", ".", `\.\000.`} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypePTR, dns.TypeANY, dns.TypeAXFR} {
			packed, err := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(4096, true).Pack()
			require.NoError(f, err)
			f.Add(packed)
		}
	}
	index := NewIndex(1)
	index.setNamespace("shop", true)
	index.setService(serviceKey{"shop", "web"}, newService(clusterService("web", "10.96.0.7", "fd00::7"), nil))
	index.setService(serviceKey{"shop", "far"}, newService(externalService("far", "web.shop.svc.cluster.local"), nil))
	metrics, err := NewMetrics(prometheus.NewRegistry())
	require.NoError(f, err)
	h := &Handler{
		Zone: &Zone{Name: "cluster.local.", Index: index, TTL: 30, NegativeTTL: 5, Pods: true}, Forward: NewForwarder(nil),
		Synced: func() bool { return true }, Metrics: metrics,
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		req := new(dns.Msg)
		if req.Unpack(packet) != nil {
			return
		}
		for _, network := range []string{"udp", "tcp"} {
			reply := h.respond(t.Context(), req, network)
			h.Metrics.answered(network, req, reply, 0)
			packed, err := reply.Pack()
			if err != nil {
				continue // as what was asked: ServeDNS says SERVFAIL then
			}
			require.LessOrEqual(t, len(packed), room(req.IsEdns0(), network))
			require.Equal(t, req.Id, reply.Id)
			require.True(t, reply.Response)
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"10-244-0-1", "fd00--1", "1-2-3-4-5-6-7-8", "7.0.96.10.in-addr.arpa.", "8.0.ip6.arpa.", "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ip, ok := undashed(s); ok {
			again, ok := undashed(dashed(ip))
			require.True(t, ok, "%v", ip)
			require.Equal(t, ip, again)
		}
		if ip, ok := unreversed(s); ok {
			name, err := dns.ReverseAddr(ip.String())
			require.NoError(t, err)
			again, ok := unreversed(name)
			require.True(t, ok)
			require.Equal(t, ip, again)
		}
	})
}

func TestReverse(t *testing.T) {
	for _, s := range []string{"10.96.0.7", "0.0.0.0", "fd00::8", "::", "2001:db8:1234:5678:9abc:def0:1234:5678"} {
		name, err := dns.ReverseAddr(s)
		require.NoError(t, err)
		ip, ok := unreversed(name)
		require.True(t, ok, name)
		require.Equal(t, netip.MustParseAddr(s), ip)
	}
	for _, s := range []string{"", "10.in-addr.arpa.", "256.0.0.10.in-addr.arpa.", "in-addr.arpa.", "1.ip6.arpa.", "7.0.96.10.in-addr.arpa.x."} {
		_, ok := unreversed(s)
		require.False(t, ok, s)
	}
}
