package v2auth

import (
	"encoding/json"
	"fmt"
)

// The names that mean something by themselves.
const (
	// Root is a user, and a role that may do everything. It cannot be changed and is not in the tree.
	Root = "root"
	// Guest is the role of requests that name no user.
	Guest = "guest"
)

// User is a user as the tree has it, and as requests and answers show one. In the tree Password is a bcrypt hash.
type User struct {
	User     string   `json:"user"`
	Password string   `json:"password,omitempty"`
	Roles    []string `json:"roles"`
	// Grant and Revoke are what a request changes of the roles.
	Grant  []string `json:"grant,omitempty"`
	Revoke []string `json:"revoke,omitempty"`
}

// Role is a role as the tree has it, and as requests and answers show one.
type Role struct {
	Role        string      `json:"role"`
	Permissions Permissions `json:"permissions"`
	// Grant and Revoke are what a request changes of the permissions.
	Grant  *Permissions `json:"grant,omitempty"`
	Revoke *Permissions `json:"revoke,omitempty"`
}

// Permissions are what a role may do. There is nothing but keys.
type Permissions struct {
	KV Patterns `json:"kv"`
}

// Patterns are the keys that may be read, and those that may be written: whole keys, or beginnings followed by "*".
type Patterns struct {
	Read  []string `json:"read"`
	Write []string `json:"write"`
}

// Empty tells whether there is no pattern.
func (p *Permissions) Empty() bool {
	return p == nil || len(p.KV.Read) == 0 && len(p.KV.Write) == 0
}

// everything is what root may do for ever, and what guest may until somebody changes it.
func everything(role string) Role {
	return Role{Role: role, Permissions: Permissions{KV: Patterns{Read: []string{"/*"}, Write: []string{"/*"}}}}
}

// decodeUser reads the node of a user. The user root has the role root whatever the node says.
func decodeUser(document string) (User, error) {
	var u User
	if err := json.Unmarshal([]byte(document), &u); err != nil {
		return User{}, fmt.Errorf("%w: user: %w", errMalformed, err)
	}
	return withRootRole(u), nil
}

func decodeRole(document string) (Role, error) {
	var r Role
	if err := json.Unmarshal([]byte(document), &r); err != nil {
		return Role{}, fmt.Errorf("%w: role: %w", errMalformed, err)
	}
	return r, nil
}
