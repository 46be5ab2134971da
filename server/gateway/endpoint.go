package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/srv"
)

// service is the SRV service of client ports.
const service = "etcd-client"

// Endpoint is a member's client port.
type Endpoint struct {
	Host string
	Port uint16
	// Priority and Weight are those of an SRV record: the lowest priority
	// first, by weight within it.
	Priority, Weight uint16
	// Secure tells that the record was one of ports with TLS.
	Secure bool
}

// String is the address to dial.
func (e Endpoint) String() string { return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))) }

// ParseEndpoints reads "host:port" with or without a scheme.
func ParseEndpoints(texts []string) ([]Endpoint, error) {
	var out []Endpoint
	for _, text := range texts {
		scheme, rest, found := strings.Cut(strings.TrimSpace(text), "://")
		if !found {
			scheme, rest = "", scheme
		}
		host, port, err := net.SplitHostPort(rest)
		if err != nil {
			return nil, fmt.Errorf("error parsing endpoint %q: %w", text, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("error parsing endpoint %q: %w", text, err)
		}
		out = append(out, Endpoint{Host: host, Port: uint16(n), Secure: scheme == "https"})
	}
	return out, nil
}

// Discover asks the SRV records of a domain; name is the service name's suffix.
func Discover(domain, name string) ([]Endpoint, error) {
	found, err := srv.GetClient(service, domain, name)
	if err != nil {
		return nil, err
	}
	if len(found.SRVs) != len(found.Endpoints) {
		return nil, errors.New("gateway: SRV records and endpoints differ in number")
	}
	var out []Endpoint
	for i, r := range found.SRVs {
		out = append(out, Endpoint{
			Host: strings.TrimSuffix(r.Target, "."), Port: r.Port, Priority: r.Priority, Weight: r.Weight,
			Secure: strings.HasPrefix(found.Endpoints[i], "https://"),
		})
	}
	return out, nil
}

// Resolver finds the addresses of a host.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// CheckNotSelf refuses endpoints that lead back to the address listened on: a
// connection would go round for ever.
func CheckNotSelf(ctx context.Context, r Resolver, listen string, endpoints []Endpoint) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("failed to validate listen address: %s: %w", listen, err)
	}
	own := map[string]bool{}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		if err := addInterfaces(own); err != nil {
			return err
		}
	} else {
		addrs, err := r.LookupHost(ctx, host)
		if err != nil {
			return fmt.Errorf("failed to resolve listen host: %s: %w", host, err)
		}
		for _, a := range addrs {
			own[a] = true
		}
	}
	for _, e := range endpoints {
		addrs, err := r.LookupHost(ctx, e.Host)
		if err != nil {
			return fmt.Errorf("failed to resolve endpoint host: %s: %w", e.Host, err)
		}
		for _, a := range addrs {
			if own[a] && strconv.Itoa(int(e.Port)) == port {
				return fmt.Errorf("SRV or endpoint (%s->%s) should not resolve to the gateway listen addr (%s)",
					e, net.JoinHostPort(a, port), listen)
			}
		}
	}
	return nil
}

// addInterfaces adds the addresses of this machine.
func addInterfaces(own map[string]bool) error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("gateway: this machine's addresses: %w", err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			own[n.IP.String()] = true
		}
	}
	return nil
}

// pool chooses endpoints.
type pool struct {
	retryDelay time.Duration

	mu   sync.Mutex
	all  []Endpoint
	down map[Endpoint]time.Time // until when it is left alone
	turn int
}

// order is every endpoint, those to try first in front.
func (p *pool) order(now time.Time) []Endpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.all)
	if len(list) == 0 {
		return nil
	}
	p.turn++
	// Round robin among equals; weights are drawn before they are sorted.
	start := p.turn % len(list)
	list = append(list[start:], list[:start]...)
	drawn := map[Endpoint]float64{}
	for _, e := range list {
		if e.Weight > 0 {
			drawn[e] = -rand.ExpFloat64() / float64(e.Weight)
		}
	}
	slices.SortStableFunc(list, func(a, b Endpoint) int {
		return cmp.Or(
			cmp.Compare(boolInt(p.down[a].After(now)), boolInt(p.down[b].After(now))),
			cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(drawn[b], drawn[a]),
		)
	})
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// failed leaves an endpoint alone for a while.
func (p *pool) failed(e Endpoint, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down[e] = now.Add(p.retryDelay)
}

// reached takes that back.
func (p *pool) reached(e Endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.down, e)
}

// Verifier checks a member's certificate.
type Verifier struct {
	Roots *x509.CertPool // nil: the system's
	// ServerName is what the certificate has to be for; empty: the host.
	ServerName string
}

// verify does a TLS handshake with e and gives the connection up again.
func (v *Verifier) verify(ctx context.Context, e Endpoint) error {
	name := v.ServerName
	if name == "" {
		name = e.Host
	}
	d := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: v.Roots, ServerName: name, NextProtos: []string{"h2", "http/1.1"},
	}}
	c, err := d.DialContext(ctx, "tcp", e.String())
	if err != nil {
		return fmt.Errorf("gateway: verify %s: %w", e, err)
	}
	return c.Close()
}
