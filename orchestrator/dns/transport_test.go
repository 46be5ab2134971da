package dns

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

func TestTruncation(t *testing.T) {
	var ips []string
	for i := range 100 {
		ips = append(ips, fmt.Sprintf("10.244.3.%d", i+1))
	}
	w := newWorld(t, NewForwarder([]string{upstreamServer(t).Addr()}), namespace("shop"), clusterService("crowd", "None"), endpoints("crowd", "crowd-1", ips...))
	question := func() *dns.Msg { return new(dns.Msg).SetQuestion("crowd.shop.svc.cluster.local.", dns.TypeA) }
	for name, c := range map[string]struct {
		network  string
		q        *dns.Msg
		most     int
		complete bool
	}{
		"plain":          {"udp", question(), 512, false},
		"a little more":  {"udp", question().SetEdns0(800, false), 800, false},
		"less than 512":  {"udp", question().SetEdns0(100, false), 512, false},
		"all one wants":  {"udp", question().SetEdns0(65535, false), maxUDP, false},
		"by TCP":         {"tcp", question(), dns.MaxMsgSize, true},
		"by TCP, edns":   {"tcp", question().SetEdns0(512, false), dns.MaxMsgSize, true},
		"others' by UDP": {"udp", new(dns.Msg).SetQuestion("big.example.com.", dns.TypeTXT), 512, false},
		"others' by TCP": {"tcp", new(dns.Msg).SetQuestion("big.example.com.", dns.TypeTXT), dns.MaxMsgSize, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.exchange(c.network, c.q)
			got.Compress = true
			require.LessOrEqual(t, got.Len(), c.most)
			require.Equal(t, !c.complete, got.Truncated)
			if c.complete {
				require.GreaterOrEqual(t, len(got.Answer), 100)
			}
		})
	}
}

// Clients that take the first address do not all take the same.
func TestOrder(t *testing.T) {
	w := newWorld(t, NewForwarder(nil), shop()...)
	first := map[string]bool{}
	require.Eventually(t, func() bool {
		got := w.exchange("udp", new(dns.Msg).SetQuestion("db.shop.svc.cluster.local.", dns.TypeA))
		first[got.Answer[0].String()] = true
		return len(first) == 3
	}, 10*time.Second, time.Millisecond)
}

func TestEDNS(t *testing.T) {
	w := newWorld(t, NewForwarder([]string{upstreamServer(t).Addr()}), shop()...)
	question := func(name string) *dns.Msg { return new(dns.Msg).SetQuestion(name, dns.TypeA) }
	for _, name := range []string{"web.shop.svc.cluster.local.", "nosuch.shop.svc.cluster.local.", "www.example.com."} {
		require.Nil(t, w.exchange("udp", question(name)).IsEdns0(), "%s: it was not asked for", name)
		got := w.exchange("udp", question(name).SetEdns0(4096, true)).IsEdns0()
		require.NotNil(t, got, name)
		require.True(t, got.Do())
		require.EqualValues(t, maxUDP, got.UDPSize())
	}
	future := question("web.shop.svc.cluster.local.").SetEdns0(4096, false)
	future.IsEdns0().SetVersion(1)
	got := w.exchange("udp", future)
	require.Equal(t, dns.RcodeBadVers, got.Rcode)
	require.Empty(t, got.Answer)
}

// Several questions on one connection are answered.
func TestOneConnection(t *testing.T) {
	w := newWorld(t, NewForwarder(nil), shop()...)
	c, err := dns.DialTimeout("tcp", w.server.Addr(), 10*time.Second)
	require.NoError(t, err)
	defer c.Close()
	for range 3 {
		q := new(dns.Msg).SetQuestion("web.shop.svc.cluster.local.", dns.TypeA)
		require.NoError(t, c.WriteMsg(q))
		got, err := c.ReadMsg()
		require.NoError(t, err)
		require.Equal(t, q.Id, got.Id)
		require.Equal(t, "NOERROR a 10.96.0.7", line(got))
	}
}

// What is no question is answered by an error, or not at all, and the next question is answered.
func TestMalformed(t *testing.T) {
	w := newWorld(t, NewForwarder(nil), shop()...)
	two := new(dns.Msg).SetQuestion("web.shop.svc.cluster.local.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	packed, err := two.Pack()
	require.NoError(t, err)
	answered, err := new(dns.Msg).SetReply(two).Pack()
	require.NoError(t, err)
	c, err := net.Dial("udp", w.server.Addr())
	require.NoError(t, err)
	defer c.Close()
	for _, packet := range [][]byte{{0}, []byte("GET / HTTP/1.1\r\n\r\n"), packed[:20], answered, make([]byte, 12), make([]byte, 9000), packed} {
		_, err := c.Write(packet)
		require.NoError(t, err)
	}
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	for { // the last that was sent is answered last, or nearly
		b := make([]byte, 65536)
		n, err := c.Read(b)
		require.NoError(t, err)
		m := new(dns.Msg)
		require.NoError(t, m.Unpack(b[:n]))
		require.True(t, m.Response)
		if m.Id == two.Id {
			require.Equal(t, dns.RcodeFormatError, m.Rcode)
			break
		}
	}
	require.Equal(t, "NOERROR a 10.96.0.7", w.ask("web.shop.svc.cluster.local.", "A"))
	require.Equal(t, "FORMERR", line(w.handler.respond(t.Context(), &dns.Msg{}, "udp")))
}
