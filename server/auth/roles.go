package auth

import (
	"bytes"
	"slices"

	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// RoleAdd adds a role without permissions.
func (s *Store) RoleAdd(w Writer, r *pb.AuthRoleAddRequest) error {
	if r.GetName() == "" {
		return ErrRoleEmpty
	}
	e := s.edit(w)
	if e.v.roles[r.GetName()] != nil {
		return ErrRoleExists
	}
	e.setRole(&authpb.Role{Name: []byte(r.GetName())})
	e.raise()
	return e.done("created a role", "role-name", r.GetName())
}

// RoleDelete removes a role, also from its users. While authentication is on, root stays.
func (s *Store) RoleDelete(w Writer, r *pb.AuthRoleDeleteRequest) error {
	e := s.edit(w)
	if e.v.enabled && r.GetRole() == Root {
		return ErrInvalidManagement
	}
	if e.v.roles[r.GetRole()] == nil {
		return ErrRoleNotFound
	}
	e.deleteRole(r.GetRole())
	e.raise()
	return e.done("deleted a role", "role-name", r.GetRole())
}

// RoleGrantPermission gives a role a permission, or changes the kind of one that it has on the very same range.
func (s *Store) RoleGrantPermission(w Writer, r *pb.AuthRoleGrantPermissionRequest) error {
	p := r.GetPerm()
	if p == nil {
		return ErrPermissionNotGiven
	}
	if !isValidRange(p.GetKey(), p.GetRangeEnd()) {
		return ErrInvalidManagement
	}
	e := s.edit(w)
	role := e.v.roles[r.GetName()]
	if role == nil {
		return ErrRoleNotFound
	}
	granted := &authpb.Permission{Key: p.GetKey(), RangeEnd: p.GetRangeEnd(), PermType: p.GetPermType()}
	perms := slices.Clone(role.GetKeyPermission())
	// As in etcd only the first permission of those that begin at the key is one to change, and those that begin alike
	// stand in the order of their granting.
	i, _ := slices.BinarySearchFunc(perms, p.GetKey(), func(x *authpb.Permission, key []byte) int { return bytes.Compare(x.GetKey(), key) })
	if i < len(perms) && isOn(perms[i], p.GetKey(), p.GetRangeEnd()) {
		perms[i] = granted
	} else {
		perms = append(perms, granted)
		slices.SortStableFunc(perms, func(a, b *authpb.Permission) int { return bytes.Compare(a.GetKey(), b.GetKey()) })
	}
	e.setRole(&authpb.Role{Name: role.GetName(), KeyPermission: perms})
	e.raise()
	return e.done("granted/updated a permission to a user", "user-name", r.GetName(),
		"permission-name", p.GetPermType().String(), "key", string(p.GetKey()), "range-end", string(p.GetRangeEnd()))
}

// RoleRevokePermission takes a role's permissions on a range, which must be named as it was granted.
func (s *Store) RoleRevokePermission(w Writer, r *pb.AuthRoleRevokePermissionRequest) error {
	e := s.edit(w)
	role := e.v.roles[r.GetRole()]
	if role == nil {
		return ErrRoleNotFound
	}
	perms := slices.DeleteFunc(slices.Clone(role.GetKeyPermission()),
		func(p *authpb.Permission) bool { return isOn(p, r.GetKey(), r.GetRangeEnd()) })
	if len(perms) == len(role.GetKeyPermission()) {
		return ErrPermissionNotGranted
	}
	e.setRole(&authpb.Role{Name: role.GetName(), KeyPermission: perms})
	e.raise()
	return e.done("revoked a permission on range", "role-name", r.GetRole(), "key", string(r.GetKey()), "range-end", string(r.GetRangeEnd()))
}

// isOn tells whether a permission is on exactly that range.
func isOn(p *authpb.Permission, key, end []byte) bool {
	return bytes.Equal(p.GetKey(), key) && bytes.Equal(p.GetRangeEnd(), end)
}
