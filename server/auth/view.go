package auth

import (
	"maps"
	"slices"

	"go.etcd.io/etcd/api/v3/authpb"
)

// Root is the name of the user, and of the role, that may do everything.
const Root = "root"

// firstRevision is the auth revision of a cluster in which nothing was changed yet.
const firstRevision = 1

// Caller is who makes a request, and the auth revision under which that was found. The zero Caller is nobody.
type Caller struct {
	Name     string
	Revision uint64
}

// View is all users and roles at one auth revision. It never changes (I1).
type View struct {
	enabled  bool
	revision uint64
	users    map[string]*user
	roles    map[string]*authpb.Role
}

// user is a record and what follows from it and from its roles.
type user struct {
	record      *authpb.User
	isRoot      bool
	read, write ranges
}

// emptyView is the one of a new cluster.
func emptyView() *View {
	return &View{revision: firstRevision, users: map[string]*user{}, roles: map[string]*authpb.Role{}}
}

// Enabled tells whether permissions are checked at all.
func (v *View) Enabled() bool { return v.enabled }

// Revision counts the changes of users and roles.
func (v *View) Revision() uint64 { return v.revision }

// SameRules tells whether what v permits is what o does. Revisions alone do not tell: enabling raises none.
func (v *View) SameRules(o *View) bool { return v.enabled == o.enabled && v.revision == o.revision }

// MayRead tells whether c may read [key, end), by etcd's convention of ranges.
func (v *View) MayRead(c Caller, key, end []byte) error {
	return v.may(c, key, end, func(u *user) ranges { return u.read })
}

// MayWrite tells whether c may write [key, end).
func (v *View) MayWrite(c Caller, key, end []byte) error {
	return v.may(c, key, end, func(u *user) ranges { return u.write })
}

// may makes the checks of one operation in etcd's order.
func (v *View) may(c Caller, key, end []byte, of func(*user) ranges) error {
	switch {
	case !v.enabled:
		return nil
	case c.Revision == 0:
		return ErrUserEmpty
	case c.Revision < v.revision:
		return ErrOldRevision
	}
	u := v.users[c.Name]
	if u == nil || !u.isRoot && !of(u).contain(key, end) {
		return ErrPermissionDenied
	}
	return nil
}

// MayAdministrate tells whether c has the role root. As in etcd the revision under which c was found does not matter.
func (v *View) MayAdministrate(c Caller) error {
	if !v.enabled {
		return nil
	}
	if c.Name == "" {
		return ErrUserEmpty
	}
	switch u := v.users[c.Name]; {
	case u == nil:
		return ErrUserNotFound
	case !u.isRoot:
		return ErrPermissionDenied
	}
	return nil
}

// HasRole tells whether a user has a role.
func (v *View) HasRole(name, role string) bool {
	u := v.users[name]
	return u != nil && slices.Contains(u.record.GetRoles(), role)
}

// UserRoles are the roles of a user in order.
func (v *View) UserRoles(name string) ([]string, error) {
	u := v.users[name]
	if u == nil {
		return nil, ErrUserNotFound
	}
	return u.record.GetRoles(), nil
}

// Users are the names of all users in order.
func (v *View) Users() []string { return slices.Sorted(maps.Keys(v.users)) }

// Roles are the names of all roles in order.
func (v *View) Roles() []string { return slices.Sorted(maps.Keys(v.roles)) }

// RolePermissions are the permissions of a role, by key. Those of root are everything, whatever was granted to it.
func (v *View) RolePermissions(name string) ([]*authpb.Permission, error) {
	r := v.roles[name]
	if r == nil {
		return nil, ErrRoleNotFound
	}
	if name == Root {
		return []*authpb.Permission{{PermType: authpb.Permission_READWRITE, Key: []byte{}, RangeEnd: []byte{0}}}, nil
	}
	return r.GetKeyPermission(), nil
}

// clone is a copy to be changed before anybody sees it.
func (v *View) clone() *View {
	c := *v
	c.users, c.roles = maps.Clone(v.users), maps.Clone(v.roles)
	return &c
}

// setUser puts a user's record, and what follows from it, into a view that nobody has seen yet.
func (v *View) setUser(record *authpb.User) {
	u := &user{record: record, isRoot: slices.Contains(record.GetRoles(), Root)}
	var read, write []*authpb.Permission
	for _, role := range record.GetRoles() {
		for _, p := range v.roles[role].GetKeyPermission() {
			switch p.GetPermType() {
			case authpb.Permission_READWRITE:
				read, write = append(read, p), append(write, p)
			case authpb.Permission_READ:
				read = append(read, p)
			case authpb.Permission_WRITE:
				write = append(write, p)
			}
		}
	}
	u.read, u.write = mergeRanges(read), mergeRanges(write)
	v.users[string(record.GetName())] = u
}

// usersWith are the users who have a role, by name.
func (v *View) usersWith(role string) []*user {
	var with []*user
	for _, name := range v.Users() {
		if v.HasRole(name, role) {
			with = append(with, v.users[name])
		}
	}
	return with
}
