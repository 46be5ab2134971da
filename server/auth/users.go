package auth

import (
	"encoding/base64"
	"slices"

	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Enable turns authentication on. There must be a user root with the role root.
func (s *Store) Enable(w Writer) error {
	v := s.NextView()
	if v.enabled {
		return nil
	}
	switch root := v.users[Root]; {
	case root == nil:
		return ErrRootUserNotExist
	case !root.isRoot:
		return ErrRootRoleNotExist
	}
	e := s.edit(w)
	e.setEnabled(true)
	return e.done("enabled authentication")
}

// Disable turns authentication off and ends all tokens.
func (s *Store) Disable(w Writer) error {
	if !s.NextView().enabled {
		return nil
	}
	e := s.edit(w)
	e.setEnabled(false)
	e.raise()
	s.ended = true
	return e.done("disabled authentication")
}

// UserAdd adds a user. The request carries the hash of a password, never a password.
func (s *Store) UserAdd(w Writer, r *pb.AuthUserAddRequest) error {
	if r.GetName() == "" {
		return ErrUserEmpty
	}
	e := s.edit(w)
	if e.v.users[r.GetName()] != nil {
		return ErrUserExists
	}
	u := &authpb.User{Name: []byte(r.GetName()), Options: r.GetOptions()}
	if u.Options == nil {
		u.Options = &authpb.UserAddOptions{}
	}
	if !u.Options.GetNoPassword() {
		hash, err := base64.StdEncoding.DecodeString(r.GetHashedPassword())
		if err != nil {
			return ErrNoPasswordUser
		}
		u.Password = hash
	}
	e.setUser(u)
	e.raise()
	return e.done("added a user", "user-name", r.GetName())
}

// UserDelete removes a user, whose tokens end. While authentication is on, root stays.
func (s *Store) UserDelete(w Writer, r *pb.AuthUserDeleteRequest) error {
	e := s.edit(w)
	if e.v.enabled && r.GetName() == Root {
		return ErrInvalidManagement
	}
	u := e.v.users[r.GetName()]
	if u == nil {
		return ErrUserNotFound
	}
	e.deleteUser(r.GetName())
	e.raise()
	s.revoked = append(s.revoked, r.GetName())
	return e.done("deleted a user", "user-name", r.GetName(), "user-roles", u.record.GetRoles())
}

// UserChangePassword replaces the hash of a user's password and ends the user's tokens. A user without a password stays so.
func (s *Store) UserChangePassword(w Writer, r *pb.AuthUserChangePasswordRequest) error {
	e := s.edit(w)
	u := e.v.users[r.GetName()]
	if u == nil {
		return ErrUserNotFound
	}
	changed := withRoles(u.record, u.record.GetRoles())
	changed.Password = nil
	if !u.record.GetOptions().GetNoPassword() {
		hash, err := base64.StdEncoding.DecodeString(r.GetHashedPassword())
		if err != nil {
			return ErrNoPasswordUser
		}
		changed.Password = hash
	}
	e.setUser(changed)
	e.raise()
	s.revoked = append(s.revoked, r.GetName())
	return e.done("changed a password of a user", "user-name", r.GetName(), "user-roles", changed.GetRoles())
}

// UserGrantRole gives a user a role. The role root can be given before it is there.
func (s *Store) UserGrantRole(w Writer, r *pb.AuthUserGrantRoleRequest) error {
	e := s.edit(w)
	u := e.v.users[r.GetUser()]
	if u == nil {
		return ErrUserNotFound
	}
	if r.GetRole() != Root && e.v.roles[r.GetRole()] == nil {
		return ErrRoleNotFound
	}
	i, has := slices.BinarySearch(u.record.GetRoles(), r.GetRole())
	if has {
		return nil
	}
	roles := slices.Insert(slices.Clone(u.record.GetRoles()), i, r.GetRole())
	e.setUser(withRoles(u.record, roles))
	e.raise()
	return e.done("granted a role to a user", "user-name", r.GetUser(), "user-roles", roles, "added-role-name", r.GetRole())
}

// UserRevokeRole takes a role from a user. While authentication is on, root keeps the role root.
func (s *Store) UserRevokeRole(w Writer, r *pb.AuthUserRevokeRoleRequest) error {
	e := s.edit(w)
	if e.v.enabled && r.GetName() == Root && r.GetRole() == Root {
		return ErrInvalidManagement
	}
	u := e.v.users[r.GetName()]
	if u == nil {
		return ErrUserNotFound
	}
	roles := without(u.record.GetRoles(), r.GetRole())
	if len(roles) == len(u.record.GetRoles()) {
		return ErrRoleNotGranted
	}
	e.setUser(withRoles(u.record, roles))
	e.raise()
	return e.done("revoked a role from a user", "user-name", r.GetName(),
		"old-user-roles", u.record.GetRoles(), "new-user-roles", roles, "revoked-role-name", r.GetRole())
}

// withRoles is a user's record with other roles.
func withRoles(u *authpb.User, roles []string) *authpb.User {
	return &authpb.User{Name: u.GetName(), Password: u.GetPassword(), Options: u.GetOptions(), Roles: roles}
}

// without is a list of names without one.
func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
