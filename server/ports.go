package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/listener"
)

// ports are a member's sockets and what serves them.
type ports struct {
	peer, metrics, clientHTTP []net.Listener
	client                    []*listener.Splitter
	peerURLs, clientURLs      []url.URL

	mu      sync.Mutex
	servers []*http.Server
}

// open opens every socket that c names.
func (p *ports) open(ctx context.Context, c *config.Config) error {
	opts := listener.Options{ReusePort: c.SocketReusePort, ReuseAddress: c.SocketReuseAddress}
	listen := func(what string, urls []url.URL, add func(net.Listener, url.URL)) error {
		for _, u := range urls {
			l, actual, err := listener.Listen(ctx, u, opts)
			if err != nil {
				return fmt.Errorf("server: listen for %s on %s: %w", what, u.String(), err)
			}
			add(l, actual)
		}
		return nil
	}
	return errors.Join(
		listen("peers", c.ListenPeerURLs, func(l net.Listener, u url.URL) {
			p.peer, p.peerURLs = append(p.peer, l), append(p.peerURLs, u)
		}),
		listen("clients", c.ListenClientURLs, func(l net.Listener, u url.URL) {
			p.client, p.clientURLs = append(p.client, listener.Split(l)), append(p.clientURLs, u)
		}),
		listen("clients", c.ListenClientHTTPURLs, func(l net.Listener, _ url.URL) { p.clientHTTP = append(p.clientHTTP, l) }),
		listen("metrics", c.ListenMetricsURLs, func(l net.Listener, _ url.URL) { p.metrics = append(p.metrics, l) }),
	)
}

// stopAccepting closes the client sockets: no new connection comes in while those there are end.
func (p *ports) stopAccepting() {
	for _, s := range p.client {
		_ = s.Close() // a socket that fails to close is as good as closed
	}
}

// close closes all sockets and the connections of plain HTTP.
func (p *ports) close() {
	p.stopAccepting()
	for _, ls := range [][]net.Listener{p.peer, p.metrics, p.clientHTTP} {
		for _, l := range ls {
			_ = l.Close()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		_ = s.Close()
	}
}

// serveHTTP serves h on l until the member closes.
func (s *Server) serveHTTP(l net.Listener, h http.Handler) {
	srv := s.newHTTPServer(h)
	s.ports.mu.Lock()
	s.ports.servers = append(s.ports.servers, srv)
	s.ports.mu.Unlock()
	s.workers.Go(func() { s.ignoreClosed(srv.Serve(l)) })
}

func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed)
}
