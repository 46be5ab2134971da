package auth

import (
	"context"
	"encoding/base64"

	"github.com/petcd/petcd/server/password"
)

// Passwords is what hashes and compares passwords, for whoever else has users: how much of that runs at a time is bounded
// for all of them together.
func (s *Store) Passwords() *password.Checker { return s.passwords }

// HashPassword is the form in which a password enters the log: a bcrypt hash in base64.
func (s *Store) HashPassword(ctx context.Context, password string) (string, error) {
	hash, err := s.passwords.Hash(ctx, password)
	return base64.StdEncoding.EncodeToString(hash), err
}

// CheckPassword tells the auth revision at which a password was the user's.
func (s *Store) CheckPassword(ctx context.Context, name, password string) (revision uint64, err error) {
	v := s.View()
	if !v.enabled {
		return 0, ErrNotEnabled
	}
	u := v.users[name]
	if u == nil {
		if err := s.passwords.MatchesNobody(ctx, password); err != nil {
			return 0, err
		}
		return 0, ErrLoginFailed
	}
	if u.record.GetOptions().GetNoPassword() {
		return 0, ErrNoPasswordUser
	}
	ok, err := s.passwords.Matches(ctx, name, u.record.GetPassword(), password)
	if err != nil {
		return 0, err
	}
	if !ok {
		s.logger.Info("invalid password", "user-name", name)
		return 0, ErrLoginFailed
	}
	return v.revision, nil
}
