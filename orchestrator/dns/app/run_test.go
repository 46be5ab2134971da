package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
)

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().(*net.TCPAddr).Port
}

func newTestOptions(t *testing.T) *Options {
	o := NewOptions()
	o.Address, o.Forward, o.LameDuck = net.IPv4(127, 0, 0, 1), "none", 0
	for _, port := range []*int{&o.Port, &o.HealthPort, &o.ReadyPort, &o.MetricsPort} {
		*port = freePort(t)
	}
	require.NoError(t, o.Validate())
	return o
}

// get returns the status and the body of a page; "" if nobody is there.
func get(port int, path string) string {
	r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(r.StatusCode, " ", string(b))
}

func ask(o *Options, name string) string {
	c := miekg.Client{Timeout: time.Second}
	got, _, err := c.Exchange(new(miekg.Msg).SetQuestion(name, miekg.TypeA), o.at(o.Port))
	switch {
	case err != nil:
		return err.Error()
	case len(got.Answer) == 0:
		return miekg.RcodeToString[got.Rcode]
	}
	return got.Answer[0].(*miekg.A).A.String()
}

func TestLife(t *testing.T) {
	o := newTestOptions(t)
	clock := clocktesting.NewFakeClock(time.Now())
	o.clock, o.LameDuck = clock, 5*time.Second
	client := fake.NewClientset(&v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}, Spec: v1.ServiceSpec{ClusterIP: "10.96.0.1", ClusterIPs: []string{"10.96.0.1"}},
	})
	allowed := make(chan struct{})
	client.PrependReactor("list", "services", func(core.Action) (bool, runtime.Object, error) {
		select {
		case <-allowed:
			return false, nil, nil
		default:
			return true, nil, errors.New("not yet")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.serve(ctx, client) }()
	eventually := func(what func() string, want string) {
		t.Helper()
		require.Eventually(t, func() bool { return what() == want }, 30*time.Second, 10*time.Millisecond, "%s", what())
	}
	health := func() string { return get(o.HealthPort, "/health") }
	ready := func() string { return get(o.ReadyPort, "/ready") }
	eventually(health, "200 OK")
	eventually(ready, "503 the caches are not filled\n")
	require.Equal(t, "SERVFAIL", ask(o, "kubernetes.default.svc.cluster.local."))
	close(allowed)
	eventually(ready, "200 OK")
	require.Equal(t, "10.96.0.1", ask(o, "kubernetes.default.svc.cluster.local."))
	require.Contains(t, get(o.MetricsPort, "/metrics"), `cluster_dns_requests_total{proto="udp",rcode="NOERROR",type="A"} 1`)

	cancel()
	eventually(ready, "503 ending\n")
	require.Equal(t, "200 OK", health(), "a lame duck is alive")
	require.Equal(t, "10.96.0.1", ask(o, "kubernetes.default.svc.cluster.local."))
	require.Empty(t, ended, "not yet")
	clock.Step(o.LameDuck)
	require.NoError(t, <-ended)
	require.Empty(t, health())
}

func TestEnd(t *testing.T) {
	o := newTestOptions(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.serve(ctx, fake.NewClientset()) }()
	require.Eventually(t, func() bool { return get(o.ReadyPort, "/ready") == "200 OK" }, 30*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

func TestPortsThatAreTaken(t *testing.T) {
	for name, change := range map[string]func(o *Options, taken int){
		"dns":     func(o *Options, taken int) { o.Port = taken },
		"metrics": func(o *Options, taken int) { o.MetricsPort = taken },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			o := newTestOptions(t)
			change(o, l.Addr().(*net.TCPAddr).Port)
			require.ErrorContains(t, o.serve(t.Context(), fake.NewClientset()), "address already in use")
		})
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, NewOptions().Validate())
	for want, change := range map[string]func(o *Options){
		"--domain":       func(o *Options) { o.Domain = "Cluster Local" },
		"--pods":         func(o *Options) { o.Pods = "verified" },
		"--port":         func(o *Options) { o.Port = 70000 },
		"--ttl":          func(o *Options) { o.TTL = -time.Second },
		"--negative-ttl": func(o *Options) { o.Negative = 2 * time.Hour },
		"--lame-duck":    func(o *Options) { o.LameDuck = -1 },
	} {
		o := NewOptions()
		change(o)
		require.ErrorContains(t, o.Validate(), want)
	}
}

// A server that is this process must not be asked.
func TestSelf(t *testing.T) {
	o := NewOptions()
	for at, want := range map[[2]string]bool{
		{"127.0.0.1", "53"}: true, {"127.0.0.53", "53"}: true, {"::1", "53"}: true, {"0.0.0.0", "53"}: true,
		{"127.0.0.1", "5353"}: false, {"192.0.2.1", "53"}: false, {"nonsense", "53"}: false,
	} {
		require.Equal(t, want, o.self(at[0], at[1]), at)
	}
	o.Address = net.IPv4(192, 0, 2, 1)
	require.True(t, o.self("192.0.2.1", "53"))
	require.False(t, o.self("127.0.0.1", "53"))

	file := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(file, []byte("nameserver 127.0.0.1\n"), 0o600))
	here := newTestOptions(t)
	here.Forward, here.Port = file, 53
	require.True(t, here.self("127.0.0.1", "53"))
}
