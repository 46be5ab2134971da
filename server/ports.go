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
	peer, metrics        []net.Listener
	client               []*clientPort
	clientHTTP           []httpPort
	peerURLs, clientURLs []url.URL

	mu      sync.Mutex
	servers []*http.Server
}

// clientPort is a socket for gRPC, and for HTTP as long as that has none of its own. Two URLs, one of them secure, may share
// it.
type clientPort struct {
	*listener.Splitter
	address       string
	secure, plain bool
}

// httpPort is a socket for HTTP alone.
type httpPort struct {
	net.Listener
	secure bool
}

// opener is what opening the ports needs.
type opener struct {
	ctx      context.Context
	config   *config.Config
	security *security
	limit    listener.Limit
}

// open opens every socket that the configuration names.
func (p *ports) open(ctx context.Context, c *config.Config, sec *security) error {
	o := &opener{ctx: ctx, config: c, security: sec, limit: connectionLimit()}
	for _, u := range c.ListenPeerURLs {
		l, actual, err := o.listen("peers", u, sec.peerRules)
		if err != nil {
			return err
		}
		p.peer, p.peerURLs = append(p.peer, l), append(p.peerURLs, actual)
	}
	if err := p.openClients(o); err != nil {
		return err
	}
	for _, u := range c.ListenMetricsURLs {
		l, _, err := o.listen("metrics", u, sec.metricsRules)
		if err != nil {
			return err
		}
		p.metrics = append(p.metrics, l)
	}
	return nil
}

// openClients opens the sockets for clients, one for each address.
func (p *ports) openClients(o *opener) error {
	at := map[string]*clientPort{}
	for _, u := range o.config.ListenClientURLs {
		if at[listener.Address(u)] == nil {
			at[listener.Address(u)] = &clientPort{}
		}
		if listener.IsSecure(u) {
			at[listener.Address(u)].secure = true
		} else {
			at[listener.Address(u)].plain = true
		}
	}
	for _, u := range o.config.ListenClientURLs {
		port := at[listener.Address(u)]
		if port.Splitter != nil && u.Port() != "0" {
			p.clientURLs = append(p.clientURLs, u)
			continue
		}
		l, actual, err := o.open("clients", u)
		if err != nil {
			return err
		}
		r := listener.Rules{Limit: o.limit}
		if port.secure {
			if r, err = o.security.clientRules(o.limit); err != nil {
				return errors.Join(err, l.Close())
			}
			r.Plain = port.plain
		}
		port.Splitter, port.address = listener.Split(l, r), l.Addr().String()
		p.client, p.clientURLs = append(p.client, port), append(p.clientURLs, actual)
	}
	for _, u := range o.config.ListenClientHTTPURLs {
		if at[listener.Address(u)] != nil {
			return fmt.Errorf("cannot bind both --listen-client-urls and --listen-client-http-urls on the same url %s", u.String())
		}
		l, _, err := o.listen("clients", u, func() (listener.Rules, error) { return o.security.clientRules(o.limit) })
		if err != nil {
			return err
		}
		if !listener.IsSecure(u) { // its connections count as well
			l = listener.Secure(l, listener.Rules{Limit: o.limit})
		}
		p.clientHTTP = append(p.clientHTTP, httpPort{l, listener.IsSecure(u)})
	}
	return nil
}

// open opens one socket.
func (o *opener) open(what string, u url.URL) (net.Listener, url.URL, error) {
	l, actual, err := listener.Listen(o.ctx, u, listener.Options{ReusePort: o.config.SocketReusePort, ReuseAddress: o.config.SocketReuseAddress})
	if err != nil {
		return nil, u, fmt.Errorf("server: listen for %s on %s: %w", what, u.String(), err)
	}
	return l, actual, nil
}

// listen opens the socket of a port that speaks HTTP alone; rules are asked for if it is secure.
func (o *opener) listen(what string, u url.URL, rules func() (listener.Rules, error)) (net.Listener, url.URL, error) {
	l, actual, err := o.open(what, u)
	if err != nil || !listener.IsSecure(u) {
		return l, actual, err
	}
	r, err := rules()
	if err != nil {
		return nil, u, errors.Join(err, l.Close())
	}
	return listener.Secure(l, r), actual, nil
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
	for _, ls := range [][]net.Listener{p.peer, p.metrics} {
		for _, l := range ls {
			_ = l.Close()
		}
	}
	for _, l := range p.clientHTTP {
		_ = l.Close()
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
