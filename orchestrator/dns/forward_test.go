package dns

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// silent is a port that takes questions and does not answer.
func silent(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String()
}

// closed is a port at which nobody is.
func closed(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	return c.LocalAddr().String()
}

func TestForward(t *testing.T) {
	upstream := upstreamServer(t).Addr()
	const known, cname = "NOERROR a 192.0.2.80", "cname www.example.com."
	for name, c := range map[string]struct {
		servers     []string
		want, alias string // of the host, and of a Service that is another name of it
	}{
		"none":                   {nil, "REFUSED", "NOERROR " + cname},
		"one":                    {[]string{upstream}, known, known + ", " + cname},
		"the first is down":      {[]string{closed(t), upstream}, known, known + ", " + cname},
		"the first is silent":    {[]string{silent(t), upstream}, known, known + ", " + cname},
		"all are down":           {[]string{closed(t), closed(t)}, "SERVFAIL", "SERVFAIL"},
		"no server is that":      {[]string{"127.0.0.1:no"}, "SERVFAIL", "SERVFAIL"},
		"a refusal is an answer": {[]string{serve(t, refuses).Addr(), upstream}, "REFUSED", "REFUSED " + cname},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, NewForwarder(c.servers), shop()...)
			require.Equal(t, c.want, w.ask("www.example.com.", "A"))
			require.Equal(t, c.alias, w.ask("far.shop.svc.cluster.local.", "A"))
			require.Equal(t, "NOERROR a 10.96.0.7", w.ask("web.shop.svc.cluster.local.", "A"))
		})
	}
}

var refuses = dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(req, dns.RcodeRefused)) })

// The server that answered is asked first the next time: the silent one costs its time once.
func TestForwardRemembers(t *testing.T) {
	f := NewForwarder([]string{silent(t), upstreamServer(t).Addr()})
	for range 3 {
		_, err := f.Exchange(t.Context(), new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), "udp")
		require.NoError(t, err)
		require.EqualValues(t, 1, f.last.Load())
	}
}

func TestAnotherQuestionIsNotBelieved(t *testing.T) {
	for _, lie := range []func(*dns.Msg){
		func(m *dns.Msg) { m.Question[0].Name = "evil.example.com." },
		func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		func(m *dns.Msg) { m.Response = false }, // our own question, reflected
	} {
		liar := serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) {
			m := new(dns.Msg).SetReply(req)
			lie(m)
			_ = w.WriteMsg(m)
		}))
		w := newWorld(t, NewForwarder([]string{liar.Addr()}), shop()...)
		require.Equal(t, "SERVFAIL", w.ask("www.example.com.", "A"))
	}
}

// So many questions may wait, and no more.
func TestForwardIsBounded(t *testing.T) {
	f := NewForwarder([]string{upstreamServer(t).Addr()})
	for range maxAsking {
		f.asking <- struct{}{}
	}
	_, err := f.Exchange(t.Context(), new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), "udp")
	require.ErrorIs(t, err, errBusy)
}

// Servers that ask us are asked no more, also when there is another between us; the others are.
func TestLoop(t *testing.T) {
	var us string
	detour := serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) {
		got, err := NewForwarder([]string{us}).Exchange(context.Background(), req, "udp")
		if err != nil {
			got = new(dns.Msg).SetRcode(req, dns.RcodeServerFailure)
		}
		got.Id = req.Id
		_ = w.WriteMsg(got)
	}))
	f := NewForwarder(nil)
	w := newWorld(t, f, shop()...)
	us = w.server.Addr()
	f.servers = NewForwarder([]string{us, detour.Addr(), upstreamServer(t).Addr()}).servers
	f.Probe(t.Context())
	require.Len(t, f.all(), 1)
	require.Equal(t, "NOERROR a 192.0.2.80", w.ask("www.example.com.", "A"))

	f.servers = NewForwarder([]string{us}).servers
	f.Probe(t.Context())
	require.False(t, f.Able())
	require.Equal(t, "REFUSED", w.ask("www.example.com.", "A"))
	require.False(t, w.exchange("udp", new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)).RecursionAvailable)
}

func TestParseForward(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(file, []byte("search x\nnameserver 192.0.2.1\nnameserver 127.0.0.1\nnameserver fd00::1\n"), 0o600))
	self := func(host, port string) bool { return host == "127.0.0.1" && port == "53" }
	for flag, want := range map[string][]string{
		"none": nil, "": nil,
		"192.0.2.1,192.0.2.2:5353,[fd00::1]:54,fd00::2,[fd00::3]": {"192.0.2.1:53", "192.0.2.2:5353", "[fd00::1]:54", "[fd00::2]:53", "[fd00::3]:53"},
		"127.0.0.1":      nil,
		"127.0.0.1:5353": {"127.0.0.1:5353"},
		file:             {"192.0.2.1:53", "[fd00::1]:53"},
	} {
		got, err := ParseForward(flag, self)
		require.NoError(t, err, flag)
		require.Equal(t, want, got, flag)
	}
	for _, flag := range []string{"example.com", "192.0.2.1;192.0.2.2", "/nosuch/resolv.conf", ","} {
		_, err := ParseForward(flag, self)
		require.ErrorContains(t, err, "--forward", flag)
	}
}
