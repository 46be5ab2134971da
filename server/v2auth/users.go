package v2auth

import (
	"context"
	"net/http"

	"github.com/petcd/petcd/storage/v2store"
)

// passwordMax is how much of a password bcrypt looks at. etcd's leaves out the rest; today's refuses it.
const passwordMax = 72

// Users lists the users by name.
func (s *Store) Users() ([]string, error) { return s.names(usersPath) }

// User is one user as this member sees it.
func (s *Store) User(name string) (User, error) {
	if u := s.user(s.view(), name); u != nil {
		return *u, nil
	}
	return User{}, noUser(name)
}

// readUser is nil for one who is not there, and tells which change the document is of.
func (s *Store) readUser(name string) (*User, uint64, error) {
	d, err := s.readNamed(usersPath, name)
	if err != nil || d == nil {
		return nil, 0, err
	}
	u, err := decodeUser(d.value)
	if err != nil {
		return nil, 0, err
	}
	return &u, d.index, nil
}

// CreateUser adds a user with a password. The answer has the hash of it.
func (s *Store) CreateUser(ctx context.Context, u User) (User, error) {
	u = withRootRole(u)
	if u.Password == "" {
		return u, refuse(http.StatusBadRequest, "Cannot create user %s with an empty password", u.User)
	}
	hash, err := s.hash(ctx, u.Password)
	if err != nil {
		return u, err
	}
	u.Password = hash
	err = s.create(ctx, usersPath, u.User, u)
	if refusedWith(err, v2store.CodeNodeExists) {
		return u, refuse(http.StatusConflict, "User %s already exists.", u.User)
	}
	if err == nil {
		s.logger.Info("created a user", "user-name", u.User)
	}
	return u, err
}

// CreateOrUpdateUser is for requests that have a password alone: they add a user, or change one's password.
func (s *Store) CreateOrUpdateUser(ctx context.Context, u User) (out User, created bool, err error) {
	if err := s.log.ReadBarrier(ctx); err != nil {
		return u, false, err
	}
	if old, _, err := s.readUser(u.User); err == nil && old != nil {
		out, err = s.UpdateUser(ctx, u)
		return out, false, err
	}
	out, err = s.CreateUser(ctx, u)
	return out, true, err
}

// UpdateUser changes a user's password, roles or both, from what it is at the moment (I2).
func (s *Store) UpdateUser(ctx context.Context, request User) (User, error) {
	hash := ""
	u, err := update(ctx, s, usersPath, request.User, s.readUser, func(old *User) (u User, err error) {
		if old == nil {
			return u, noUser(request.User)
		}
		if request.Password != "" && hash == "" {
			if hash, err = s.hash(ctx, request.Password); err != nil {
				return u, err
			}
		}
		if u, err = old.changed(request, hash); err == nil && same(*old, u) {
			err = refuse(http.StatusBadRequest, "User not updated. Use grant/revoke/password to update the user.")
		}
		return u, err
	})
	if err == nil {
		s.logger.Info("updated a user", "user-name", u.User)
	}
	return u, err
}

// DeleteUser removes a user; not root while authentication is on.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	if err := s.log.ReadBarrier(ctx); err != nil {
		return err
	}
	if name == Root && s.Enabled() {
		return refuse(http.StatusForbidden, "Cannot delete root user while auth is enabled.")
	}
	err := s.remove(ctx, usersPath, name)
	if refusedWith(err, v2store.CodeKeyNotFound) {
		return refuse(http.StatusNotFound, "User %s does not exist", name) // no full stop here, as in etcd
	}
	if err == nil {
		s.logger.Info("deleted a user", "user-name", name)
	}
	return err
}

func (s *Store) hash(ctx context.Context, password string) (string, error) {
	hash, err := s.passwords.Hash(ctx, password[:min(len(password), passwordMax)])
	return string(hash), err
}
