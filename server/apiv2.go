package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/server/v2auth"
	"github.com/petcd/petcd/server/v2http"
)

// apiV2 makes the handler of API 2, nil if it is switched off.
func (s *Server) apiV2(registerer prometheus.Registerer) (http.Handler, error) {
	if !s.cfg.EnableV2 {
		return nil, nil
	}
	users := v2auth.New(v2auth.Config{
		State: s.replica.Store(), Log: s.replica, Logger: s.logger,
		Passwords:      s.replica.Auth().Passwords(),
		ClientCertAuth: s.cfg.ClientTLS.ClientCertAuth,
	})
	return v2http.New(v2http.Options{
		Member: v2http.ReplicaMember{Replica: s.replica}, Auth: users, Users: users, Logger: s.logger, Registerer: registerer,
		MaxRequestBytes: int(s.cfg.MaxRequestBytes),
	})
}
