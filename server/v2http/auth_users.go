package v2http

import (
	"net/http"

	"github.com/petcd/petcd/server/v2auth"
)

// userWithRoles is a user as reads show one: with the roles themselves, and never the hash of the password.
type userWithRoles struct {
	User  string        `json:"user"`
	Roles []v2auth.Role `json:"roles,omitempty"`
}

// serveUsers lists the users. Roles that they have but that are not there are left out.
func (h *Handler) serveUsers(w http.ResponseWriter, r *http.Request) {
	if !h.admitRoot(w, r, "GET") {
		return
	}
	names, err := h.users.Users()
	if err != nil {
		h.refuseAuth(w, err)
		return
	}
	var list struct {
		Users []userWithRoles `json:"users"`
	}
	for _, name := range names {
		u, err := h.users.User(name)
		if err != nil {
			h.refuseAuth(w, err)
			return
		}
		shown := userWithRoles{User: u.User}
		for _, roleName := range u.Roles {
			if role, err := h.users.Role(roleName); err == nil {
				shown.Roles = append(shown.Roles, role)
			}
		}
		list.Users = append(list.Users, shown)
	}
	h.encode(w, list)
}

// serveUser shows, changes or removes one user.
func (h *Handler) serveUser(w http.ResponseWriter, r *http.Request, name string) {
	if !h.admitRoot(w, r, "GET", "PUT", "DELETE") {
		return
	}
	var err error
	switch r.Method {
	case http.MethodGet:
		err = h.getUser(w, name)
	case http.MethodPut:
		err = h.putUser(w, r, name)
	case http.MethodDelete:
		err = h.users.DeleteUser(r.Context(), name)
	}
	if err != nil {
		h.refuseAuth(w, err)
	}
}

// getUser shows a user with the roles. One that is not there fails the whole answer, unlike in the list.
func (h *Handler) getUser(w http.ResponseWriter, name string) error {
	u, err := h.users.User(name)
	if err != nil {
		return err
	}
	shown := userWithRoles{User: u.User}
	for _, roleName := range u.Roles {
		role, err := h.users.Role(roleName)
		if err != nil {
			return err
		}
		shown.Roles = append(shown.Roles, role)
	}
	h.encode(w, shown)
	return nil
}

// putUser adds a user or changes one: which of them, the fields of the request tell.
func (h *Handler) putUser(w http.ResponseWriter, r *http.Request, name string) error {
	var u v2auth.User
	if !readDocument(w, r, &u) {
		return nil
	}
	if u.User != name {
		return &v2auth.Refusal{Status: http.StatusBadRequest, Message: "User JSON name does not match the name in the URL"}
	}
	var err error
	status := http.StatusOK
	switch changes := len(u.Grant) > 0 || len(u.Revoke) > 0; {
	case changes && len(u.Roles) > 0:
		err = &v2auth.Refusal{Status: http.StatusBadRequest, Message: "User JSON contains both roles and grant/revoke"}
	case changes:
		u, err = h.users.UpdateUser(r.Context(), u)
	case len(u.Roles) > 0: // a new user, and yet etcd's status is not that of one
		u, err = h.users.CreateUser(r.Context(), u)
	default:
		var created bool
		if u, created, err = h.users.CreateOrUpdateUser(r.Context(), u); created {
			status = http.StatusCreated
		}
	}
	if err != nil {
		return err
	}
	u.Password = "" // its hash
	w.WriteHeader(status)
	h.encode(w, u)
	return nil
}
