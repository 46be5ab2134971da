package auth

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/server/password"
)

// Config is what a Store is made of.
type Config struct {
	// Token is the value of --auth-token; empty means that logins fail.
	Token string
	// TokenTTL is how long a simple token lives after its last use; 0 means 300 seconds.
	TokenTTL time.Duration
	// BcryptCost is the value of --bcrypt-cost. One that bcrypt does not have is replaced by its default.
	BcryptCost int
	// WaitApplied returns once the entry of an index is applied here. It lets a token be shown to a member that has not
	// applied its login yet. nil: nobody waits.
	WaitApplied func(ctx context.Context, index uint64) error
	// WaitMax bounds that waiting.
	WaitMax time.Duration
	// Logger receives a line for each change and for tokens that are not valid; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer
}

// Store is one member's copy of users and roles, and its tokens.
type Store struct {
	logger    *slog.Logger
	tokens    tokens
	passwords *password.Checker

	current atomic.Pointer[View]

	// Owned by the apply goroutine: what Publish shows.
	next    *View    // nil when no change waits
	revoked []string // users whose tokens end
	ended   bool     // all tokens end
}

// New makes a Store without users; Load fills it.
func New(c Config) (*Store, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	t, err := newTokens(c)
	if err != nil {
		return nil, err
	}
	s := &Store{logger: c.Logger, tokens: t, passwords: password.NewChecker(c.BcryptCost, c.Logger)}
	s.current.Store(emptyView())
	if c.Registerer != nil {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "etcd_debugging", Subsystem: "auth", Name: "revision", Help: "The current revision of auth store.",
		}, func() float64 { return float64(s.View().Revision()) })
		if err := c.Registerer.Register(gauge); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// View is the users and roles as of the newest entry that is committed here.
func (s *Store) View() *View { return s.current.Load() }

// Enabled tells whether authentication is on. It costs one atomic load.
func (s *Store) Enabled() bool { return s.current.Load().enabled }

// Server is who makes the requests that a member makes by itself, such as ending leases. It may do everything.
func (s *Store) Server() Caller {
	if v := s.View(); v.enabled {
		return Caller{Name: Root, Revision: v.revision}
	}
	return Caller{}
}

// CallerOf is the user of a token, or ErrInvalidToken.
func (s *Store) CallerOf(ctx context.Context, token string) (Caller, error) {
	c, ok := s.tokens.lookup(ctx, token, s)
	if !ok {
		s.logger.Warn("invalid auth token", "token-fingerprint", Fingerprint(token))
		return Caller{}, ErrInvalidToken
	}
	return c, nil
}

// CallerNamed is a user whose name was proven by other means than a token.
func (s *Store) CallerNamed(name string) Caller {
	return Caller{Name: name, Revision: s.View().revision}
}

// NextView is what entries are to be applied to: it may be ahead of View by changes that are not published yet. It belongs
// to the apply goroutine.
func (s *Store) NextView() *View {
	if s.next != nil {
		return s.next
	}
	return s.View()
}

// Publish shows what entries changed since it was called last. Call it once their batch is committed, before anything later
// is (I1).
func (s *Store) Publish() {
	if s.next != nil {
		s.current.Store(s.next)
		s.next = nil
	}
	// After the view: whoever finds a token still there has a revision that is refused.
	for _, name := range s.revoked {
		s.tokens.revoke(name)
	}
	if s.ended {
		s.tokens.clear()
		s.passwords.Forget()
	}
	s.revoked, s.ended = nil, false
}

// Load replaces users and roles by what a state holds: after opening, and after a snapshot was installed. Tokens end,
// because nobody knows what happened to their users meanwhile.
func (s *Store) Load(r Reader) error {
	v, err := load(r)
	if err != nil {
		return err
	}
	s.next, s.revoked, s.ended = v, nil, true
	s.Publish()
	return nil
}

// Run forgets tokens that are out of date, until ctx ends.
func (s *Store) Run(ctx context.Context) { s.tokens.run(ctx) }
