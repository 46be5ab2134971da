package auth

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// jwtTTL is how long a JWT lives when its options don't say.
const jwtTTL = 5 * time.Minute

// jwtTokens are signed by the member that was asked, and verified by any that has the key. They name the auth revision of
// their making: once it is raised, their holder has to log in again.
type jwtTokens struct {
	logger *slog.Logger
	ttl    time.Duration
	keys   jwtKeys
	parser *jwt.Parser
}

func newJWTTokens(options map[string]string, logger *slog.Logger) (*jwtTokens, error) {
	t := &jwtTokens{logger: logger, ttl: jwtTTL}
	for name, value := range options {
		switch name {
		case optionMethod, optionPublicKey, optionPrivateKey:
		case optionTTL:
			ttl, err := time.ParseDuration(value)
			if err != nil && value != "" {
				return nil, fmt.Errorf("%w: ttl: %w", ErrBadOptions, err)
			}
			if value != "" {
				t.ttl = ttl
			}
		default:
			logger.Warn("unknown JWT options", "keys", []string{name})
		}
	}
	var err error
	if t.keys, err = loadJWTKeys(options); err != nil {
		return nil, err
	}
	// A token says itself how it is signed; only the configured way is ever tried.
	t.parser = jwt.NewParser(jwt.WithValidMethods([]string{t.keys.method.Alg()}))
	return t, nil
}

func (t *jwtTokens) lookup(_ context.Context, token string, _ *Store) (Caller, bool) {
	claims := jwt.MapClaims{}
	if _, err := t.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return t.keys.verify, nil }); err != nil {
		t.logger.Warn("failed to parse a JWT token", "error", err)
		return Caller{}, false
	}
	user, named := claims["username"].(string)
	revision, revised := claims["revision"].(float64)
	if !named || !revised || !(revision >= 0 && revision < 1<<63) {
		t.logger.Warn("failed to obtain user and revision from a JWT token")
		return Caller{}, false
	}
	return Caller{Name: user, Revision: uint64(revision)}, true
}

func (t *jwtTokens) issue(user string, revision uint64) (string, error) {
	if t.keys.sign == nil {
		return "", ErrVerifyOnly
	}
	token := jwt.NewWithClaims(t.keys.method, jwt.MapClaims{
		"username": user, "revision": revision, "exp": time.Now().Add(t.ttl).Unix(),
	})
	text, err := token.SignedString(t.keys.sign)
	if err != nil {
		return "", fmt.Errorf("auth: sign a JWT: %w", err)
	}
	return text, nil
}

func (t *jwtTokens) prefix() string                      { return "" }
func (t *jwtTokens) admit(string, string, uint64) string { return "" }
func (t *jwtTokens) revoke(string)                       {} // the revision does it
func (t *jwtTokens) clear()                              {}
func (t *jwtTokens) run(ctx context.Context)             { <-ctx.Done() }
