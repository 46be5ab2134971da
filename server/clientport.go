package server

import (
	"net/http"
	"strings"
)

// serveClients serves the client ports once the member is ready (I1).
func (s *Server) serveClients() {
	select {
	case <-s.replica.Ready():
	case <-s.ctx.Done():
		return
	}
	s.logger.Info("ready to serve client requests")
	s.gateway.serve(s)
	traffic, pages := "grpc+http", s.http.Client()
	if len(s.ports.clientHTTP) > 0 {
		traffic, pages = "grpc", http.NotFoundHandler() // HTTP has ports of its own
	}
	for _, p := range s.ports.client {
		s.workers.Go(func() { s.ignoreClosed(p.Serve()) })
		s.workers.Go(func() { s.ignoreClosed(s.api.Serve(p.GRPC())) })
		switch {
		case p.secure:
			s.serveHTTP(p.HTTP(), s.withCalls(pages))
		case traffic == "grpc":
			_ = p.HTTP().Close() // never fails
		default:
			s.serveHTTP(p.HTTP(), pages)
		}
		s.announce(traffic, p.address, p.secure, p.plain)
	}
	for _, p := range s.ports.clientHTTP {
		s.serveHTTP(p, s.http.Client())
		s.announce("http", p.Addr().String(), p.secure, !p.secure)
	}
}

// announce writes etcd's lines about a port.
func (s *Server) announce(traffic, address string, secure, plain bool) {
	if plain {
		s.logger.Info("serving client traffic insecurely; this is strongly discouraged!", "traffic", traffic, "address", address)
	}
	if secure {
		s.logger.Info("serving client traffic securely", "traffic", traffic, "address", address)
	}
}

// withCalls is pages for connections that carry gRPC's calls beside them: a client that offers both versions of HTTP does not
// say before its first request what it is.
func (s *Server) withCalls(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			s.api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
