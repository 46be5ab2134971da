package dns

import (
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnswers(t *testing.T) {
	w := newWorld(t, NewForwarder([]string{upstreamServer(t).Addr()}), shop()...)
	for _, c := range [][3]string{
		// Services with cluster IPs.
		{"web.shop.svc.cluster.local.", "A", "NOERROR a 10.96.0.7"},
		{"WEB.Shop.SVC.cluster.LOCAL.", "A", "NOERROR a 10.96.0.7"},
		{"web.shop.svc.cluster.local.", "AAAA", "NOERROR"},
		{"web.shop.svc.cluster.local.", "MX", "NOERROR"},
		{"dual.shop.svc.cluster.local.", "A", "NOERROR a 10.96.0.8"},
		{"dual.shop.svc.cluster.local.", "AAAA", "NOERROR aaaa fd00::8"},
		{"six.shop.svc.cluster.local.", "A", "NOERROR"},
		{"new.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		{"_http._tcp.web.shop.svc.cluster.local.", "SRV", "NOERROR srv 0 100 80 web.shop.svc.cluster.local. + a 10.96.0.7"},
		{"_HTTP._tcp.dual.shop.svc.cluster.local.", "SRV", "NOERROR srv 0 100 80 dual.shop.svc.cluster.local. + a 10.96.0.8, aaaa fd00::8"},
		{"_http._tcp.web.shop.svc.cluster.local.", "A", "NOERROR"},
		{"_tcp.web.shop.svc.cluster.local.", "SRV", "NOERROR"},
		{"_http._udp.web.shop.svc.cluster.local.", "SRV", "NXDOMAIN"},
		{"_udp.web.shop.svc.cluster.local.", "SRV", "NXDOMAIN"},
		{"_nosuch._tcp.web.shop.svc.cluster.local.", "SRV", "NXDOMAIN"},
		{"x._http._tcp.web.shop.svc.cluster.local.", "SRV", "NXDOMAIN"},
		{"host.web.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		{"7.0.96.10.in-addr.arpa.", "PTR", "NOERROR ptr web.shop.svc.cluster.local."},
		{"7.0.96.10.IN-ADDR.arpa.", "A", "NOERROR"},
		{"8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", "PTR", "NOERROR ptr dual.shop.svc.cluster.local."},
		// Headless ones.
		{"db.shop.svc.cluster.local.", "A", "NOERROR a 10.244.0.5, a 10.244.1.5, a 10.244.1.7"},
		{"db.shop.svc.cluster.local.", "AAAA", "NOERROR aaaa fd00:1::5"},
		{"db-0.db.shop.svc.cluster.local.", "A", "NOERROR a 10.244.0.5"},
		{"db-0.db.shop.svc.cluster.local.", "AAAA", "NOERROR aaaa fd00:1::5"},
		{"db-1.db.shop.svc.cluster.local.", "AAAA", "NOERROR"},
		{"db-2.db.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		{"10-244-1-7.db.shop.svc.cluster.local.", "A", "NOERROR a 10.244.1.7"},
		{"10-244-0-5.db.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		{"_sql._tcp.db.shop.svc.cluster.local.", "SRV", "NOERROR srv 0 33 5432 10-244-1-7.db.shop.svc.cluster.local., " +
			"srv 0 33 5432 db-0.db.shop.svc.cluster.local., srv 0 33 5432 db-1.db.shop.svc.cluster.local. + " +
			"a 10.244.0.5, a 10.244.1.5, a 10.244.1.7, aaaa fd00:1::5"},
		{"5.1.244.10.in-addr.arpa.", "PTR", "NOERROR ptr db-1.db.shop.svc.cluster.local."},
		{"7.1.244.10.in-addr.arpa.", "PTR", "NOERROR ptr 10-244-1-7.db.shop.svc.cluster.local."},
		{"6.1.244.10.in-addr.arpa.", "PTR", "NXDOMAIN"},
		{"down.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		// Other names of others.
		{"far.shop.svc.cluster.local.", "CNAME", "NOERROR cname www.example.com."},
		{"far.shop.svc.cluster.local.", "A", "NOERROR a 192.0.2.80, cname www.example.com."},
		{"gone.shop.svc.cluster.local.", "A", "NXDOMAIN cname nobody.example.com."},
		{"near.shop.svc.cluster.local.", "A", "NOERROR a 10.96.0.7, cname web.shop.svc.cluster.local."},
		{"near.shop.svc.cluster.local.", "AAAA", "NOERROR cname web.shop.svc.cluster.local."},
		{"lost.shop.svc.cluster.local.", "A", "NXDOMAIN cname nobody.shop.svc.cluster.local."},
		{"round.shop.svc.cluster.local.", "A", "SERVFAIL"},
		{"bad.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		// Pods.
		{"10-244-9-1.shop.pod.cluster.local.", "A", "NOERROR a 10.244.9.1"},
		{"10-244-9-1.shop.pod.cluster.local.", "AAAA", "NOERROR"},
		{"fd00--5.shop.pod.cluster.local.", "AAAA", "NOERROR aaaa fd00::5"},
		{"10-244-9-256.shop.pod.cluster.local.", "A", "NXDOMAIN"},
		{"10-244-9-1.nosuch.pod.cluster.local.", "A", "NXDOMAIN"},
		{"x.10-244-9-1.shop.pod.cluster.local.", "A", "NXDOMAIN"},
		{"shop.pod.cluster.local.", "A", "NOERROR"},
		// What is above and beside them.
		{"dns-version.cluster.local.", "TXT", `NOERROR txt "1.1.0"`},
		{"dns-version.cluster.local.", "A", "NOERROR"},
		{"x.dns-version.cluster.local.", "TXT", "NXDOMAIN"},
		{"cluster.local.", "A", "NOERROR"},
		{"cluster.local.", "NS", "NOERROR ns kube-dns.kube-system.svc.cluster.local."},
		{"svc.cluster.local.", "A", "NOERROR"},
		{"pod.cluster.local.", "A", "NOERROR"},
		{"empty.svc.cluster.local.", "A", "NOERROR"},
		{"nosuch.svc.cluster.local.", "A", "NXDOMAIN"},
		{"web.nosuch.svc.cluster.local.", "A", "NXDOMAIN"},
		{"other.cluster.local.", "A", "NXDOMAIN"},
		{"*.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		{"*.*.svc.cluster.local.", "A", "NXDOMAIN"},
		{"web.*.svc.cluster.local.", "A", "NXDOMAIN"},
		{`web\.shop.svc.cluster.local.`, "A", "NXDOMAIN"},
		{`svc\.cluster.local.`, "A", "NXDOMAIN"}, // by the other server, for it is no name of ours
		{"web.shop.svc.cluster.local.", "ANY", "NOTIMP"},
		{"cluster.local.", "AXFR", "REFUSED"},
		{"cluster.local.", "IXFR", "REFUSED"},
		// The search path of a pod in the namespace shop, for the name of a host elsewhere.
		{"www.example.com.shop.svc.cluster.local.", "A", "NXDOMAIN"},
		{"www.example.com.svc.cluster.local.", "A", "NXDOMAIN"},
		{"www.example.com.cluster.local.", "A", "NXDOMAIN"},
		{"www.example.com.", "A", "NOERROR a 192.0.2.80"},
		{"nobody.example.com.", "A", "NXDOMAIN"},
		{"notcluster.local.", "A", "NXDOMAIN"},
	} {
		if c[1] == "AXFR" {
			got := w.handler.respond(t.Context(), new(dns.Msg).SetAxfr(c[0]), "tcp") // the client wants a connection for it
			require.Equal(t, c[2], line(got), c)
			continue
		}
		require.Equal(t, c[2], w.ask(c[0], c[1]), "%s %s", c[0], c[1])
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t, NewForwarder([]string{upstreamServer(t).Addr()}), shop()...)
	ours := w.exchange("udp", new(dns.Msg).SetQuestion("Web.shop.svc.cluster.local.", dns.TypeA))
	require.True(t, ours.Authoritative && ours.RecursionAvailable && ours.RecursionDesired)
	require.Equal(t, "Web.shop.svc.cluster.local.", ours.Question[0].Name, "as it was asked")
	require.Equal(t, "Web.shop.svc.cluster.local.", ours.Answer[0].Header().Name)
	require.EqualValues(t, 30, ours.Answer[0].Header().Ttl)
	require.Empty(t, ours.Ns)

	for _, name := range []string{"nosuch.shop.svc.cluster.local.", "svc.cluster.local."} {
		none := w.exchange("udp", new(dns.Msg).SetQuestion(name, dns.TypeA))
		require.True(t, none.Authoritative)
		require.Len(t, none.Ns, 1, name)
		soa := none.Ns[0].(*dns.SOA)
		require.Equal(t, "cluster.local.", soa.Hdr.Name)
		require.EqualValues(t, 5, soa.Minttl)
		require.EqualValues(t, 5, soa.Hdr.Ttl)
	}

	others := w.exchange("udp", new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA))
	require.False(t, others.Authoritative)
	require.EqualValues(t, 60, others.Answer[0].Header().Ttl)

	chaos := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	require.Equal(t, dns.RcodeRefused, w.exchange("udp", chaos).Rcode)
	update := new(dns.Msg).SetUpdate("cluster.local.")
	require.Equal(t, dns.RcodeNotImplemented, w.exchange("udp", update).Rcode)
}

// What is said changes with the objects, and so does the serial.
func TestChanges(t *testing.T) {
	w := newWorld(t, NewForwarder(nil), namespace("shop"))
	core, slicesAPI := w.client.CoreV1(), w.client.DiscoveryV1().EndpointSlices("shop")
	eventually := func(name, qtype, want string) {
		t.Helper()
		require.Eventually(t, func() bool { return w.ask(name, qtype) == want }, 10*time.Second, 5*time.Millisecond, "%s: %s", name, w.ask(name, qtype))
	}
	watched := func() bool {
		n := 0
		for _, a := range w.client.Actions() {
			if a.GetVerb() == "watch" {
				n++
			}
		}
		return n == 3
	}
	require.Eventually(t, watched, 10*time.Second, time.Millisecond)
	serial := w.handler.Zone.Index.version()

	_, err := core.Services("shop").Create(t.Context(), clusterService("a", "10.96.0.1"), metav1.CreateOptions{})
	require.NoError(t, err)
	eventually("a.shop.svc.cluster.local.", "A", "NOERROR a 10.96.0.1")
	require.NoError(t, core.Services("shop").Delete(t.Context(), "a", metav1.DeleteOptions{}))
	eventually("a.shop.svc.cluster.local.", "A", "NXDOMAIN")
	eventually("1.0.96.10.in-addr.arpa.", "PTR", "REFUSED")
	require.Greater(t, w.handler.Zone.Index.version(), serial)

	_, err = slicesAPI.Create(t.Context(), endpoints("h", "h-1", "10.244.0.1=x"), metav1.CreateOptions{}) // before its Service
	require.NoError(t, err)
	_, err = core.Services("shop").Create(t.Context(), clusterService("h", "None"), metav1.CreateOptions{})
	require.NoError(t, err)
	eventually("x.h.shop.svc.cluster.local.", "A", "NOERROR a 10.244.0.1")
	_, err = slicesAPI.Update(t.Context(), endpoints("h", "h-1", "10.244.0.2=x"), metav1.UpdateOptions{})
	require.NoError(t, err)
	eventually("x.h.shop.svc.cluster.local.", "A", "NOERROR a 10.244.0.2")
	eventually("1.0.244.10.in-addr.arpa.", "PTR", "REFUSED")
	eventually("2.0.244.10.in-addr.arpa.", "PTR", "NOERROR ptr x.h.shop.svc.cluster.local.")
	_, err = slicesAPI.Update(t.Context(), endpoints("other", "h-1", "10.244.0.2=x"), metav1.UpdateOptions{})
	require.NoError(t, err)
	eventually("h.shop.svc.cluster.local.", "A", "NXDOMAIN")

	require.NoError(t, core.Namespaces().Delete(t.Context(), "shop", metav1.DeleteOptions{}))
	eventually("shop.svc.cluster.local.", "A", "NXDOMAIN")
}

// Nothing is said about the cluster before all is known.
func TestNotSynced(t *testing.T) {
	w := newWorld(t, NewForwarder([]string{upstreamServer(t).Addr()}), shop()...)
	w.handler.Synced = func() bool { return false }
	require.Equal(t, "SERVFAIL", w.ask("web.shop.svc.cluster.local.", "A"))
	require.Equal(t, "SERVFAIL", w.ask("nosuch.shop.svc.cluster.local.", "A"))
	require.Equal(t, "NOERROR a 192.0.2.80", w.ask("www.example.com.", "A"))
}

func TestPodsMayBeOff(t *testing.T) {
	w := newWorld(t, NewForwarder(nil), shop()...)
	w.handler.Zone.Pods = false
	require.Equal(t, "NXDOMAIN", w.ask("10-244-9-1.shop.pod.cluster.local.", "A"))
}
