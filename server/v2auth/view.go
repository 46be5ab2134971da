package v2auth

import "sync"

// view is what the documents said at one V2AuthVersion, as far as somebody asked. Requests are judged by it without a look at
// the tree (I1).
type view struct {
	version uint64
	enabled bool
	// period is the index of the change that last turned authentication on or off. Passwords are remembered for one (I3).
	period uint64

	mu    sync.RWMutex
	users map[string]*User // those that are there
	roles map[string]*Role // nil for one that is not there: only users' documents and root name roles
}

// view is the view that holds now. A document may be newer than its version, never older.
func (s *Store) view() *view {
	version := s.state.V2AuthVersion() // before anything is read
	if v := s.current.Load(); v != nil && v.version == version {
		return v
	}
	v := &view{version: version, users: map[string]*User{}, roles: map[string]*Role{}}
	d, err := s.read(enabledPath)
	switch {
	case err != nil:
		s.logger.Warn("failed to detect auth settings", "error", err)
		v.enabled = true // I4
		return v         // and ask again
	case d != nil:
		v.enabled, v.period = d.value != "false", d.index
	}
	s.current.Store(v) // an older view may replace a newer one; the next request sees its version
	return v
}

// user is nil for one who is not there. That is not remembered: callers choose the names they give.
func (s *Store) user(v *view, name string) *User {
	v.mu.RLock()
	u := v.users[name]
	v.mu.RUnlock()
	if u != nil || !isName(name) {
		return u
	}
	found, _, err := s.readUser(name)
	if err != nil {
		s.logger.Warn("failed to read a user", "user-name", name, "error", err)
	}
	if found != nil {
		v.mu.Lock()
		v.users[name] = found
		v.mu.Unlock()
	}
	return found
}

// role is nil for one that is not there.
func (s *Store) role(v *view, name string) *Role {
	v.mu.RLock()
	r, known := v.roles[name]
	v.mu.RUnlock()
	if known || !isName(name) {
		return r
	}
	found, _, err := s.readRole(name)
	if err != nil {
		s.logger.Warn("failed to read a role", "role-name", name, "error", err)
		return nil
	}
	v.mu.Lock()
	v.roles[name] = found
	v.mu.Unlock()
	return found
}
