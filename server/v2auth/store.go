package v2auth

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/petcd/petcd/server/password"
)

// Config is what a Store is made of.
type Config struct {
	State     State
	Log       Log
	Passwords *password.Checker
	// ClientCertAuth is --client-cert-auth: the common name of a client's certificate is the user, if there is one.
	ClientCertAuth bool
	// Administrates tells whether a request may do what only root may, while authentication is off here; nil: all may. A
	// cluster whose users are API 3's has not meant to let anybody change its members by API 2.
	Administrates func(*http.Request) bool
	// Logger receives a line for each change and for each request that is not allowed; nil discards them.
	Logger *slog.Logger
}

// Store is the users and roles of API 2 as one member sees them.
type Store struct {
	state     State
	log       Log
	passwords *password.Checker
	certAuth  bool
	otherwise func(*http.Request) bool // Config.Administrates
	logger    *slog.Logger

	current atomic.Pointer[view]
	ensured atomic.Bool // the directories are there
}

// New makes a Store. It reads nothing yet.
func New(c Config) *Store {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Administrates == nil {
		c.Administrates = func(*http.Request) bool { return true }
	}
	return &Store{
		state: c.State, log: c.Log, passwords: c.Passwords, certAuth: c.ClientCertAuth, otherwise: c.Administrates, logger: c.Logger,
	}
}

// Enabled tells whether authentication is on. While nothing below /2 changes it reads no document.
func (s *Store) Enabled() bool { return s.view().enabled }

// Enable turns authentication on. There must be a user root; a role guest that may do everything is made if there is none.
func (s *Store) Enable(ctx context.Context) error {
	if err := s.log.ReadBarrier(ctx); err != nil {
		return err
	}
	if s.Enabled() {
		return refuse(http.StatusConflict, "already enabled")
	}
	if root, _, err := s.readUser(Root); err != nil || root == nil {
		return refuse(http.StatusConflict, "No root user available, please create one")
	}
	if guest, _, err := s.readRole(Guest); err != nil || guest == nil {
		s.logger.Info("no guest role access found; creating default", "role-name", Guest)
		if err := s.CreateRole(ctx, everything(Guest)); err != nil {
			s.logger.Warn("failed to create a guest role; aborting auth enable", "role-name", Guest, "error", err)
			return err
		}
	}
	if err := s.replace(ctx, enabledPath, true, 0); err != nil {
		s.logger.Warn("failed to enable auth", "error", err)
		return err
	}
	s.logger.Info("enabled auth")
	return nil
}

// Disable turns authentication off. Users and roles stay.
func (s *Store) Disable(ctx context.Context) error {
	if err := s.log.ReadBarrier(ctx); err != nil {
		return err
	}
	if !s.Enabled() {
		return refuse(http.StatusConflict, "already disabled")
	}
	if err := s.replace(ctx, enabledPath, false, 0); err != nil {
		s.logger.Warn("failed to disable auth", "error", err)
		return err
	}
	s.logger.Info("disabled auth")
	return nil
}
