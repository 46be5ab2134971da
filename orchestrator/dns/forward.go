package dns

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"k8s.io/klog/v2"
)

const (
	// upstreamPatience is how long one server has for an answer; then the next is asked.
	upstreamPatience = 1500 * time.Millisecond
	// maxAsking is how many questions wait for other servers at a time, so that a server that is silent doesn't fill our memory.
	maxAsking = 1000
)

var (
	errNoServers = errors.New("dns: no server is known for names outside of the cluster")
	errLoop      = errors.New("dns: our own question has come back")
	errBusy      = errors.New("dns: too many questions wait for other servers")
)

// Forwarder asks other servers. It goes on with the one that answered last, until that fails.
type Forwarder struct {
	asking chan struct{}
	last   atomic.Uint32 // where the server is that answered last
	probes sync.Map      // name of a probe that is under way -> the *upstream that it was sent to

	mu      sync.RWMutex
	servers []*upstream
}

type upstream struct {
	address string // host:port
	looped  atomic.Bool
}

// NewForwarder returns what asks the servers, each "host:port"; none is asked that is this process itself.
func NewForwarder(servers []string) *Forwarder {
	f := &Forwarder{asking: make(chan struct{}, maxAsking)}
	for _, s := range servers {
		f.servers = append(f.servers, &upstream{address: s})
	}
	return f
}

// Able tells whether there is any server to ask.
func (f *Forwarder) Able() bool { return len(f.all()) > 0 }

func (f *Forwarder) all() []*upstream {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.servers
}

// Exchange asks the servers in turn until one answers.
func (f *Forwarder) Exchange(ctx context.Context, req *dns.Msg, network string) (*dns.Msg, error) {
	if f.cameBack(req) {
		return nil, errLoop
	}
	servers := f.all()
	if len(servers) == 0 {
		return nil, errNoServers
	}
	select {
	case f.asking <- struct{}{}:
		defer func() { <-f.asking }()
	default:
		return nil, errBusy
	}
	var errs []error
	first := f.last.Load()
	for i := range servers {
		at := (first + uint32(i)) % uint32(len(servers))
		got, err := ask(ctx, servers[at].address, req, network)
		if err == nil {
			f.last.Store(at)
			return got, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// ask puts a question to one server, under a number and from a port that nobody can guess.
func ask(ctx context.Context, address string, req *dns.Msg, network string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamPatience)
	defer cancel()
	q := req.Copy()
	q.Id = dns.Id()
	client := dns.Client{Net: network, UDPSize: dns.DefaultMsgSize, Timeout: upstreamPatience}
	got, _, err := client.ExchangeContext(ctx, q, address)
	if err != nil {
		return nil, fmt.Errorf("dns: ask %s: %w", address, err)
	}
	if !got.Response || len(got.Question) != 1 || !strings.EqualFold(got.Question[0].Name, q.Question[0].Name) ||
		got.Question[0].Qtype != q.Question[0].Qtype || got.Question[0].Qclass != q.Question[0].Qclass {
		return nil, fmt.Errorf("dns: %s answers another question", address)
	}
	return got, nil
}

// probeZone is where names of probes are; nobody has them.
const probeZone = "cluster-dns-loop.invalid."

// Probe asks each server for a name that nobody else can know. Whoever passes that question on to us would do so with all others:
// it is asked no more. Our own ports must be open.
func (f *Forwarder) Probe(ctx context.Context) {
	servers := f.all()
	var probing sync.WaitGroup
	for _, u := range servers {
		name := strings.ToLower(rand.Text()) + "." + probeZone
		f.probes.Store(name, u)
		probing.Go(func() {
			defer f.probes.Delete(name)
			_, err := ask(ctx, u.address, new(dns.Msg).SetQuestion(name, dns.TypeHINFO), "udp")
			if err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Info("A server for names outside of the cluster does not answer", "server", u.address, "err", err)
			}
		})
	}
	probing.Wait()
	var others []*upstream
	for _, u := range servers {
		if u.looped.Load() {
			klog.FromContext(ctx).Error(errLoop, "A server is not asked, for it asks us", "server", u.address)
			continue
		}
		others = append(others, u)
	}
	f.mu.Lock()
	f.servers = others
	f.mu.Unlock()
}

// cameBack tells whether a question is a probe of ours.
func (f *Forwarder) cameBack(req *dns.Msg) bool {
	if len(req.Question) != 1 {
		return false
	}
	u, ok := f.probes.Load(dns.CanonicalName(req.Question[0].Name))
	if !ok {
		return false
	}
	u.(*upstream).looped.Store(true) // nothing else is stored there
	return true
}

// ParseForward reads the servers that a flag names: "none", addresses with a comma between, each with or without a port, or a
// file like /etc/resolv.conf. Those that self says are this process are left out.
func ParseForward(flag string, self func(host, port string) bool) (servers []string, err error) {
	if flag == "" || flag == "none" {
		return nil, nil
	}
	var all [][2]string
	if strings.HasPrefix(flag, "/") {
		conf, err := dns.ClientConfigFromFile(flag)
		if err != nil {
			return nil, fmt.Errorf("--forward: %w", err)
		}
		for _, host := range conf.Servers {
			all = append(all, [2]string{host, conf.Port})
		}
	} else {
		for s := range strings.SplitSeq(flag, ",") {
			host, port, err := net.SplitHostPort(s)
			if err != nil {
				host, port = strings.Trim(s, "[]"), "53"
			}
			if net.ParseIP(host) == nil {
				return nil, fmt.Errorf("--forward: %q is neither none, nor a file, nor an address", s)
			}
			all = append(all, [2]string{host, port})
		}
	}
	for _, s := range all {
		if self(s[0], s[1]) {
			klog.Background().Error(errLoop, "A server is not asked, for it is this one", "server", net.JoinHostPort(s[0], s[1]))
			continue
		}
		servers = append(servers, net.JoinHostPort(s[0], s[1]))
	}
	return servers, nil
}
