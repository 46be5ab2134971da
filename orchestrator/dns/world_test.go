package dns

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func namespace(name string) *v1.Namespace {
	return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func clusterService(name string, ips ...string) *v1.Service {
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: v1.ServiceSpec{
			Type: v1.ServiceTypeClusterIP, ClusterIP: ips[0], ClusterIPs: ips,
			Ports: []v1.ServicePort{{Name: "http", Port: 80}, {Name: "metrics", Port: 9090, Protocol: v1.ProtocolTCP}, {Port: 7}},
		},
	}
}

func externalService(name, external string) *v1.Service {
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: v1.ServiceSpec{Type: v1.ServiceTypeExternalName, ExternalName: external},
	}
}

// endpoints is a slice; an endpoint is "address", "address=hostname", and either with "!" before it if it is not ready.
func endpoints(service, slice string, all ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: slice, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("sql"), Port: ptr.To(int32(5432)), Protocol: ptr.To(v1.ProtocolTCP)}},
	}
	for _, text := range all {
		ready := !strings.HasPrefix(text, "!")
		ip, host, named := strings.Cut(strings.TrimPrefix(text, "!"), "=")
		e := discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(ready)}}
		if named {
			e.Hostname = ptr.To(host)
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

// shop is a cluster with one Service of each sort.
func shop() []runtime.Object {
	return []runtime.Object{
		namespace("shop"), namespace("empty"),
		clusterService("web", "10.96.0.7"), clusterService("dual", "10.96.0.8", "fd00::8"), clusterService("six", "fd00::9"), clusterService("new", ""),
		clusterService("db", "None"), endpoints("db", "db-1", "10.244.0.5=DB-0", "10.244.1.5=db-1", "!10.244.1.6=db-2", "10.244.1.7"), endpoints("db", "db-2", "fd00:1::5=db-0"),
		clusterService("down", "None"), endpoints("down", "down-1", "!10.244.2.1"),
		externalService("far", "www.example.com"), externalService("gone", "nobody.example.com"), externalService("near", "web.shop.svc.cluster.local"),
		externalService("round", "about.shop.svc.cluster.local"), externalService("about", "round.shop.svc.cluster.local"),
		externalService("lost", "nobody.shop.svc.cluster.local"), externalService("bad", strings.Repeat("x", 70)+".com"),
	}
}

// world is a server on loopback, before a fake apiserver.
type world struct {
	t       *testing.T
	client  *fake.Clientset
	server  *Server
	handler *Handler
}

func newWorld(t *testing.T, forward *Forwarder, objects ...runtime.Object) *world {
	t.Helper()
	w := &world{t: t, client: fake.NewClientset(objects...)}
	index := NewIndex(1)
	factory := informers.NewSharedInformerFactory(w.client, 0)
	synced, err := Watch(index, factory)
	require.NoError(t, err)
	stop := make(chan struct{})
	factory.Start(stop)
	t.Cleanup(func() { close(stop); factory.Shutdown() })
	require.Eventually(t, synced, 10*time.Second, time.Millisecond)
	metrics, err := NewMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	zone := &Zone{Name: "cluster.local.", Index: index, TTL: 30, NegativeTTL: 5, Pods: true}
	w.handler = &Handler{Zone: zone, Forward: forward, Synced: synced, Metrics: metrics}
	w.server = serve(t, w.handler)
	return w
}

func serve(t *testing.T, h dns.Handler) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", h)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

func (w *world) exchange(network string, q *dns.Msg) *dns.Msg {
	w.t.Helper()
	c := dns.Client{Net: network, Timeout: 10 * time.Second}
	got, _, err := c.ExchangeContext(context.Background(), q, w.server.Addr())
	require.NoError(w.t, err)
	require.True(w.t, got.Response)
	return got
}

// ask returns an answer as a line: the rcode, then the records without TTL in order, after "+" those of the additional section.
func (w *world) ask(name, qtype string) string {
	w.t.Helper()
	return line(w.exchange("udp", new(dns.Msg).SetQuestion(name, dns.StringToType[qtype])))
}

func line(m *dns.Msg) string {
	texts := func(rrs []dns.RR) (all []string) {
		for _, rr := range rrs {
			all = append(all, strings.ToLower(dns.TypeToString[rr.Header().Rrtype])+" "+strings.TrimSpace(strings.TrimPrefix(rr.String(), rr.Header().String())))
		}
		slices.Sort(all)
		return all
	}
	s := dns.RcodeToString[m.Rcode]
	if answers := texts(m.Answer); len(answers) > 0 {
		s += " " + strings.Join(answers, ", ")
	}
	if extra := texts(m.Extra); len(extra) > 0 {
		s += " + " + strings.Join(extra, ", ")
	}
	return s
}

// upstream is a server for names outside of the cluster. It knows www.example.com alone.
func upstreamServer(t *testing.T) *Server {
	return serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) {
		m := new(dns.Msg).SetReply(req)
		m.RecursionAvailable = true
		switch q := req.Question[0]; {
		case dns.CanonicalName(q.Name) == "www.example.com." && q.Qtype == dns.TypeA:
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 80)}}
		case dns.CanonicalName(q.Name) == "big.example.com.":
			for i := range 200 {
				m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{fmt.Sprint("text ", i)}})
			}
			if _, tcp := w.RemoteAddr().(*net.TCPAddr); !tcp {
				m.Truncate(dns.MinMsgSize)
			}
		default:
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	}))
}
