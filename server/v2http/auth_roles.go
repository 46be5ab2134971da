package v2http

import (
	"net/http"

	"github.com/petcd/petcd/server/v2auth"
)

// serveRoles lists the roles.
func (h *Handler) serveRoles(w http.ResponseWriter, r *http.Request) {
	if !h.admitRoot(w, r, "GET") {
		return
	}
	names, err := h.users.Roles()
	if err != nil {
		h.refuseAuth(w, err)
		return
	}
	var list struct {
		Roles []v2auth.Role `json:"roles"`
	}
	for _, name := range names {
		role, err := h.users.Role(name)
		if err != nil {
			h.refuseAuth(w, err)
			return
		}
		list.Roles = append(list.Roles, role)
	}
	h.encode(w, list)
}

// serveRole shows, changes or removes one role.
func (h *Handler) serveRole(w http.ResponseWriter, r *http.Request, name string) {
	if !h.admitRoot(w, r, "GET", "PUT", "DELETE") {
		return
	}
	var err error
	switch r.Method {
	case http.MethodGet:
		var role v2auth.Role
		if role, err = h.users.Role(name); err == nil {
			h.encode(w, role)
		}
	case http.MethodPut:
		err = h.putRole(w, r, name)
	case http.MethodDelete:
		err = h.users.DeleteRole(r.Context(), name)
	}
	if err != nil {
		h.refuseAuth(w, err)
	}
}

// putRole adds a role, or grants and revokes permissions if the request names some.
func (h *Handler) putRole(w http.ResponseWriter, r *http.Request, name string) error {
	var role v2auth.Role
	if !readDocument(w, r, &role) {
		return nil
	}
	status := http.StatusOK
	var err error
	switch changes := !role.Grant.Empty() || !role.Revoke.Empty(); {
	case role.Role != name:
		err = &v2auth.Refusal{Status: http.StatusBadRequest, Message: "Role JSON name does not match the name in the URL"}
	case !changes:
		status = http.StatusCreated
		err = h.users.CreateRole(r.Context(), role)
	case !role.Permissions.Empty():
		err = &v2auth.Refusal{Status: http.StatusBadRequest, Message: "Role JSON contains both permissions and grant/revoke"}
	default:
		role, err = h.users.UpdateRole(r.Context(), role)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(status)
	h.encode(w, role)
	return nil
}
