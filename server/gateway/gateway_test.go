package gateway

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/tlstest"
)

// echo is a member: it answers what it got, with its name before it.
func echo(t *testing.T, name string) Endpoint {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b, _ := io.ReadAll(c)
				_, _ = c.Write(append([]byte(name+":"), b...))
			}()
		}
	}()
	es, err := ParseEndpoints([]string{"http://" + l.Addr().String()})
	require.NoError(t, err)
	return es[0]
}

// serve runs a gateway until the test ends.
func serve(t *testing.T, o Options) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(o).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return l.Addr().String()
}

// say sends a text through the gateway and half-closes; it returns the answer.
func say(t *testing.T, addr, text string) string {
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = c.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(b)
}

func TestConnectionsTakeTurns(t *testing.T) {
	addr := serve(t, Options{Endpoints: []Endpoint{echo(t, "a"), echo(t, "b")}, RetryDelay: time.Minute})
	got := map[string]int{}
	for range 4 {
		got[say(t, addr, "x")]++
	}
	require.Equal(t, map[string]int{"a:x": 2, "b:x": 2}, got)
}

func TestADeadEndpointIsPassedOver(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead, err := ParseEndpoints([]string{gone.Addr().String()})
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	addr := serve(t, Options{Endpoints: append(dead, echo(t, "a")), RetryDelay: time.Minute})
	for range 3 {
		require.Equal(t, "a:x", say(t, addr, "x"))
	}
}

func TestNobodyIsReached(t *testing.T) {
	addr := serve(t, Options{})
	require.Empty(t, say(t, addr, ""))
}

func TestPriorities(t *testing.T) {
	now := time.Now()
	high, low := Endpoint{Host: "high", Port: 1, Priority: 1}, Endpoint{Host: "low", Port: 1, Priority: 2, Weight: 9}
	p := &pool{all: []Endpoint{low, high}, down: map[Endpoint]time.Time{}, retryDelay: time.Minute}
	for range 5 {
		require.Equal(t, []Endpoint{high, low}, p.order(now))
	}
	p.failed(high, now)
	require.Equal(t, []Endpoint{low, high}, p.order(now), "one that failed is the last resort")
	require.Equal(t, []Endpoint{high, low}, p.order(now.Add(2*time.Minute)), "and comes back")
	p.failed(high, now)
	p.reached(high)
	require.Equal(t, []Endpoint{high, low}, p.order(now))
}

func TestWeights(t *testing.T) {
	rare, often := Endpoint{Host: "rare", Port: 1, Weight: 1}, Endpoint{Host: "often", Port: 1, Weight: 99}
	p := &pool{all: []Endpoint{rare, often}, down: map[Endpoint]time.Time{}}
	firsts := map[Endpoint]int{}
	for range 2000 {
		firsts[p.order(time.Now())[0]]++
	}
	require.Greater(t, firsts[often], 1800)
	require.Positive(t, firsts[rare])
}

// hosts is a resolver out of a table.
type hosts map[string][]string

func (h hosts) LookupHost(_ context.Context, host string) ([]string, error) {
	if a, ok := h[host]; ok {
		return a, nil
	}
	return nil, &net.DNSError{Name: host, Err: "no such host", IsNotFound: true}
}

func TestAGatewayIsNotItsOwnEndpoint(t *testing.T) {
	dns := hosts{"me": {"10.0.0.1"}, "alias": {"10.0.0.9", "10.0.0.1"}, "other": {"10.0.0.2"}, "lo": {"127.0.0.1"}}
	at := func(host string, port uint16) []Endpoint { return []Endpoint{{Host: host, Port: port}} }
	check := func(listen string, e []Endpoint) error { return CheckNotSelf(t.Context(), dns, listen, e) }
	require.NoError(t, check("me:1", at("other", 1)))
	require.NoError(t, check("me:1", at("alias", 2)), "another port is another server")
	require.ErrorContains(t, check("me:1", at("alias", 1)), "should not resolve to the gateway listen addr (me:1)")
	require.ErrorContains(t, check("0.0.0.0:1", at("lo", 1)), "should not resolve")
	require.ErrorContains(t, check(":1", at("lo", 1)), "should not resolve")
	require.ErrorContains(t, check("me:1", at("nowhere", 1)), "failed to resolve endpoint host: nowhere")
	require.ErrorContains(t, check("nowhere:1", nil), "failed to resolve listen host: nowhere")
	require.ErrorContains(t, check("x", nil), "failed to validate listen address")
}

func TestParseEndpoints(t *testing.T) {
	got, err := ParseEndpoints([]string{"https://a:1", " [::1]:2"})
	require.NoError(t, err)
	require.Equal(t, []Endpoint{{Host: "a", Port: 1, Secure: true}, {Host: "::1", Port: 2}}, got)
	for _, bad := range []string{"", "a", "a:b", "a:70000", "http://a"} {
		_, err := ParseEndpoints([]string{bad})
		require.ErrorContains(t, err, "error parsing endpoint", bad)
	}
}

func TestEveryConnectionVerifiesItsMember(t *testing.T) {
	dir := t.TempDir()
	good, other := tlstest.NewCA(t, dir, "good"), tlstest.NewCA(t, dir, "other")
	var current atomic.Pointer[tls.Certificate]
	use := func(p tlstest.Pair) {
		c, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
		require.NoError(t, err)
		current.Store(&c)
	}
	use(good.Server("s"))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return current.Load(), nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	es, err := ParseEndpoints([]string{l.Addr().String()})
	require.NoError(t, err)
	addr := serve(t, Options{Endpoints: es, Verify: &Verifier{Roots: good.Config().RootCAs}})

	handshake := func() error {
		c, err := tls.Dial("tcp", addr, good.Config())
		if err != nil {
			return err
		}
		return c.Close()
	}
	require.NoError(t, handshake())
	// What is good at the start may not be later.
	use(other.Server("imposter"))
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "nothing is passed on to a member that is not verified")
	use(good.Server("again"))
	require.NoError(t, handshake())
}
