package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// tokens is one way of telling who a caller is.
type tokens interface {
	// prefix is what a login's entry carries for the token to begin with; empty when the entry has no part in it.
	prefix() string
	// admit makes the token of a login, from its entry. Every member calls it when the entry is applied. The answer is
	// empty when the token does not follow from the entry.
	admit(user, prefix string, index uint64) string
	// issue makes a token that admit does not.
	issue(user string, revision uint64) (string, error)
	// lookup is the user of a token.
	lookup(ctx context.Context, token string, s *Store) (Caller, bool)
	// revoke ends a user's tokens.
	revoke(user string)
	// clear ends all tokens.
	clear()
	// run forgets what is out of date, until ctx ends.
	run(ctx context.Context)
}

// newTokens reads --auth-token.
func newTokens(c Config) (tokens, error) {
	kind, options, err := parseOptions(c.Token)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "simple":
		c.Logger.Warn("simple token is not cryptographically signed")
		return newSimpleTokens(c), nil
	case "jwt":
		return newJWTTokens(options, c.Logger)
	case "":
		return noTokens{}, nil
	}
	return nil, fmt.Errorf("%w: unknown token type %q", ErrBadOptions, kind)
}

// parseOptions takes a value of --auth-token apart: a kind, then name=value pairs.
func parseOptions(text string) (kind string, options map[string]string, err error) {
	parts := strings.Split(text, ",")
	options = map[string]string{}
	for _, part := range parts[1:] {
		pair := strings.Split(part, "=")
		if len(pair) != 2 {
			return "", nil, fmt.Errorf("%w: %q is no name=value", ErrBadOptions, part)
		}
		if _, twice := options[pair[0]]; twice {
			return "", nil, fmt.Errorf("%w: %s is given twice", ErrBadOptions, pair[0])
		}
		options[pair[0]] = pair[1]
	}
	return parts[0], options, nil
}

// TokenPrefix is what the entry of a login is to carry.
func (s *Store) TokenPrefix() string { return s.tokens.prefix() }

// Login answers the entry of a login: whether the user may have a token. Who asked has compared the password.
func (s *Store) Login(name string) error {
	v := s.NextView()
	if !v.enabled {
		return ErrNotEnabled
	}
	u := v.users[name]
	if u == nil || u.record.GetOptions().GetNoPassword() {
		return ErrLoginFailed
	}
	return nil
}

// Admit makes the token of a login whose entry was applied, if the token follows from the entry. Call it once the batch of
// the entry is committed.
func (s *Store) Admit(user, prefix string, index uint64) string {
	return s.tokens.admit(user, prefix, index)
}

// IssueToken makes a token that Admit does not. It is of the auth revision at which the password was compared: a password
// that has changed since makes the token out of date.
func (s *Store) IssueToken(user string, revision uint64) (string, error) {
	return s.tokens.issue(user, revision)
}

// Fingerprint stands for a token in logs.
func Fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:6])
}

// noTokens is --auth-token without a kind: nobody can log in, certificates alone count.
type noTokens struct{}

func (noTokens) prefix() string                                        { return "" }
func (noTokens) admit(string, string, uint64) string                   { return "" }
func (noTokens) issue(string, uint64) (string, error)                  { return "", ErrLoginFailed }
func (noTokens) lookup(context.Context, string, *Store) (Caller, bool) { return Caller{}, false }
func (noTokens) revoke(string)                                         {}
func (noTokens) clear()                                                {}
func (noTokens) run(ctx context.Context)                               { <-ctx.Done() }
