package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/server/auth"
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
		Administrates:  s.administrates,
	})
	return v2http.New(v2http.Options{
		Member: v2http.ReplicaMember{Replica: s.replica}, Auth: users, Users: users, Logger: s.logger, Registerer: registerer,
		MaxRequestBytes: int(s.cfg.MaxRequestBytes),
	})
}

// administrates tells whether a request to API 2 comes from an administrator of API 3, or from anybody while API 3 has no
// users either. API 2 is on by default: without this it would be a way around API 3's users to change members.
func (s *Server) administrates(r *http.Request) bool {
	users := s.replica.Auth()
	if !users.Enabled() {
		return true
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	revision, err := users.CheckPassword(r.Context(), name, password)
	return err == nil && users.View().MayAdministrate(auth.Caller{Name: name, Revision: revision}) == nil
}
