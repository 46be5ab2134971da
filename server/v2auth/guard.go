package v2auth

import (
	"fmt"
	"net/http"
)

// Allows tells whether a request may read or write a key of API 2, given as the request has it after /v2/keys. With
// recursive it asks for all that is below the key, too; for guests etcd does not look at that.
func (s *Store) Allows(r *http.Request, key string, recursive, write bool) bool {
	v := s.view()
	if !v.enabled {
		return true
	}
	u, known := s.caller(v, r)
	if !known {
		return false
	}
	if u == nil {
		role := s.role(v, Guest)
		if role != nil && role.allows(key, false, write) {
			return true
		}
		s.logger.Warn("invalid access for a guest role on key", "role-name", Guest, "key", shown(key))
		return false
	}
	for _, name := range u.Roles {
		if role := s.role(v, name); role != nil && role.allows(key, recursive, write) {
			return true
		}
	}
	s.logger.Warn("invalid access for user on key", "user-name", u.User, "key", shown(key))
	return false
}

// AllowsRoot tells whether a request may do what only root may: see and change users and roles, and change members.
func (s *Store) AllowsRoot(r *http.Request) bool {
	v := s.view()
	if !v.enabled {
		return s.otherwise(r)
	}
	u, known := s.caller(v, r)
	if !known || u == nil {
		return false
	}
	for _, name := range u.Roles {
		if name == Root {
			return true
		}
	}
	s.logger.Warn("a user does not have root role for resource", "root-user", u.User, "root-role-name", Root,
		"resource-path", shown(r.URL.Path))
	return false
}

// shownBytes is how much of a path the log says: who is refused must not fill it.
const shownBytes = 200

// shown is a path as the log says it.
func shown(path string) string {
	if len(path) <= shownBytes {
		return path
	}
	return path[:shownBytes] + "..."
}

// caller is the user whom a request proves to come from; nil and true for a guest, who names nobody. Whoever sends an
// Authorization that does not hold is nobody at all.
func (s *Store) caller(v *view, r *http.Request) (u *User, known bool) {
	if r.Header.Get("Authorization") == "" {
		return s.certificateUser(v, r), true
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		s.logger.Warn("malformed basic auth encoding")
		return nil, false
	}
	u = s.user(v, name)
	if u == nil {
		_ = s.passwords.MatchesNobody(r.Context(), password) // I5; it is refused however that ends
		return nil, false
	}
	// The period is the owner's as much as the name is (I3). "2" keeps it apart from API 3's users.
	ok, err := s.passwords.Matches(r.Context(), fmt.Sprintf("2 %d %s", v.period, name), []byte(u.Password), password)
	if err != nil {
		return nil, false // the client has gone
	}
	if !ok {
		s.logger.Warn("incorrect password", "user-name", name)
		return nil, false
	}
	return u, true
}

// certificateUser is the user whom the client's own certificate names; nil if it names none. etcd also looks at the names of
// the authorities above it, which say nothing of who calls.
func (s *Store) certificateUser(v *view, r *http.Request) *User {
	if !s.certAuth || r.TLS == nil {
		return nil
	}
	for _, chain := range r.TLS.VerifiedChains {
		if len(chain) == 0 {
			continue
		}
		if u := s.user(v, chain[0].Subject.CommonName); u != nil {
			s.logger.Debug("authenticated a user via common name", "user-name", u.User, "common-name", chain[0].Subject.CommonName)
			return u
		}
	}
	return nil
}
