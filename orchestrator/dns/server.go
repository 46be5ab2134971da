package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
	"k8s.io/klog/v2"
)

const (
	// maxConnections bounds the TCP connections at a time.
	maxConnections = 1000
	// maxQuestion is the longest question by UDP that is read whole.
	maxQuestion = 4096
	// shutdownPatience is how long answers that are under way have when the server ends.
	shutdownPatience = 3 * time.Second
)

// Server is a Handler at a port, for UDP and TCP.
type Server struct {
	servers []*dns.Server
	running sync.WaitGroup
	failed  chan error
}

// Listen opens the port; "127.0.0.1:0" takes a free one, the same for both.
func Listen(address string, h dns.Handler) (*Server, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	_, port, err := net.SplitHostPort(tcp.Addr().String())
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	udp, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dns: %w", err), tcp.Close())
	}
	return &Server{failed: make(chan error, 2), servers: []*dns.Server{
		{PacketConn: udp, Net: "udp", Handler: h, UDPSize: maxQuestion, MsgAcceptFunc: accept},
		{Listener: netutil.LimitListener(tcp, maxConnections), Net: "tcp", Handler: h, MsgAcceptFunc: accept},
	}}, nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.servers[0].PacketConn.LocalAddr().String() }

// accept passes all questions on: the handler knows what to answer to odd ones. An answer is not answered, or two servers might
// do so to each other for ever.
func accept(h dns.Header) dns.MsgAcceptAction {
	const isResponse = 1 << 15
	if h.Bits&isResponse != 0 {
		return dns.MsgIgnore
	}
	if h.Qdcount > 1 || h.Ancount > 1 || h.Nscount > 1 || h.Arcount > 2 { // not worth unpacking
		return dns.MsgReject
	}
	return dns.MsgAccept
}

// Start begins to answer. When it returns, both protocols do.
func (s *Server) Start() {
	var started sync.WaitGroup
	for _, one := range s.servers {
		started.Add(1)
		one.NotifyStartedFunc = sync.OnceFunc(started.Done)
		s.running.Go(func() {
			defer one.NotifyStartedFunc()
			if err := one.ActivateAndServe(); err != nil {
				s.failed <- fmt.Errorf("dns: serve %s: %w", one.Net, err)
			}
		})
	}
	started.Wait()
}

// Failed delivers the error of a protocol that ends before Stop.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends the server, after the answers that are under way.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	for _, one := range s.servers {
		if err := one.ShutdownContext(ctx); err != nil {
			klog.Background().Error(err, "DNS server did not end in time", "net", one.Net)
		}
	}
	s.running.Wait()
}
