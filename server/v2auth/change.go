package v2auth

import (
	"net/http"
	"slices"
)

// changed is the user with what a request changes. hash is that of the request's password; empty leaves the old one.
func (u User) changed(request User, hash string) (User, error) {
	out := User{User: u.User, Password: u.Password}
	if hash != "" {
		out.Password = hash
	}
	roles := newSet(u.Roles)
	for _, role := range request.Grant {
		if !roles.add(role) {
			return User{}, refuse(http.StatusConflict, "Granting duplicate role %s for user %s", role, u.User)
		}
	}
	for _, role := range request.Revoke {
		if !roles.remove(role) {
			return User{}, refuse(http.StatusConflict, "Revoking ungranted role %s for user %s", role, u.User)
		}
	}
	out.Roles = roles
	return out, nil
}

// changed is the role with what a request changes. Unlike a user's, what is revoked need not be there.
func (r Role) changed(request Role) (Role, error) {
	out := Role{Role: r.Role, Permissions: r.Permissions}
	if g := request.Grant; g != nil {
		read, write := newSet(out.Permissions.KV.Read), newSet(out.Permissions.KV.Write)
		for _, pattern := range g.KV.Read {
			if !read.add(pattern) {
				return Role{}, refuse(http.StatusConflict, "Granting duplicate read permission %s", pattern)
			}
		}
		for _, pattern := range g.KV.Write {
			if !write.add(pattern) {
				return Role{}, refuse(http.StatusConflict, "Granting duplicate write permission %s", pattern)
			}
		}
		out.Permissions.KV = Patterns{Read: read, Write: write}
	}
	if v := request.Revoke; v != nil {
		read, write := newSet(out.Permissions.KV.Read), newSet(out.Permissions.KV.Write)
		for _, pattern := range v.KV.Read {
			read.remove(pattern)
		}
		for _, pattern := range v.KV.Write {
			write.remove(pattern)
		}
		out.Permissions.KV = Patterns{Read: read, Write: write}
	}
	return out, nil
}

// withRootRole gives the user root the role that cannot be taken from it, at the end of the others as etcd does.
func withRootRole(u User) User {
	if u.User == Root && !slices.Contains(u.Roles, Root) {
		u.Roles = append(slices.Clip(u.Roles), Root)
	}
	return u
}

// set is strings in order, each once; never nil, because JSON tells nil from empty and etcd's answers do, too.
type set []string

func newSet(members []string) set {
	s := append(set{}, members...)
	slices.Sort(s)
	return slices.Compact(s)
}

// add tells whether the member is new.
func (s *set) add(member string) bool {
	i, found := slices.BinarySearch(*s, member)
	if !found {
		*s = slices.Insert(*s, i, member)
	}
	return !found
}

// remove tells whether the member was there.
func (s *set) remove(member string) bool {
	i, found := slices.BinarySearch(*s, member)
	if found {
		*s = slices.Delete(*s, i, i+1)
	}
	return found
}
